//! What is found, in few words: `ask` shows the outcome of a request as one line of text.

mod cases;
mod hosts;
mod paths;
mod patterns;
mod property;
mod registration;

use http::{Method, Uri};

use super::{Found, Methods, Route, Router, Target};

type Handlers = Methods<&'static str>;

fn get(handler: &'static str) -> Handlers {
    Methods::new().get(handler)
}

fn post(handler: &'static str) -> Handlers {
    Methods::new().post(handler)
}

fn any(handler: &'static str) -> Handlers {
    Methods::new().any(handler)
}

fn on(method: Method, handler: &'static str) -> Handlers {
    Methods::new().on(method, handler)
}

fn route(pattern: &str) -> Route {
    Route::new(pattern).unwrap()
}

fn tree(pattern: &str) -> Route {
    Route::tree(pattern).unwrap()
}

#[track_caller]
fn router(registrations: impl IntoIterator<Item = (Route, Handlers)>) -> Router<&'static str> {
    let mut router = Router::new();
    for (route, methods) in registrations {
        router.add(&route, methods).unwrap();
    }
    router
}

/// Registers in every order, and checks each of the routers.
#[track_caller]
fn in_each_order<const N: usize>(
    registrations: [(Route, Handlers); N],
    check: impl Fn(&Router<&'static str>),
) {
    let mut orders = vec![Vec::new()];
    for _ in 0..N {
        let longer = |order: &Vec<usize>| {
            let missing = (0..N).filter(|at| !order.contains(at));
            let orders = missing.map(|at| [&order[..], &[at]].concat());
            orders.collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    for order in orders {
        check(&router(order.iter().map(|at| registrations[*at].clone())));
    }
}

/// `"METHOD TARGET"` to the host `h`, taken apart as a server does it. A handler is shown with its
/// parameters and its rest, everything else by its status.
fn ask(router: &Router<&'static str>, request: &str) -> String {
    ask_host(router, "h", request)
}

fn ask_host(router: &Router<&'static str>, host: &str, request: &str) -> String {
    let (method, target) = request.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let uri = Uri::try_from(target).unwrap();
    let host = uri.authority().map_or(host, |authority| authority.as_str());
    let Ok(target) = Target::parse(&method, uri.path()) else {
        return "400".to_owned();
    };
    show(router.find(&method, host, &target))
}

fn show(found: Found<&'static str>) -> String {
    match found {
        Found::Handler {
            handler,
            params,
            rest,
            is_head_of_get,
        } => {
            let mut shown = handler.to_owned();
            for (name, value) in params.iter() {
                shown += &format!(" {name}={value}");
            }
            if let Some(rest) = rest {
                let segments: Vec<_> = rest.segments().collect();
                shown += &format!(" rest{segments:?}");
                shown += if rest.ends_with_slash() { "/" } else { "" };
            }
            shown += if is_head_of_get { " without body" } else { "" };
            shown
        }
        Found::NotFound => "404".to_owned(),
        Found::MethodNotAllowed { allow } => format!("405 {allow}"),
        Found::Options { allow } => format!("options {allow}"),
        Found::NotImplemented => "501".to_owned(),
    }
}

#[track_caller]
fn check(router: &Router<&'static str>, expected: &[(&str, &str)]) {
    for (request, outcome) in expected {
        assert_eq!(ask(router, request), *outcome, "{request}");
    }
}
