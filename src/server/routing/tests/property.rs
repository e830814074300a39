//! Random routes and requests against a matcher that tries every route.

use super::*;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "FOO"];
const SEGMENTS: [&str; 11] = [
    "a", "b", "ab", "ba", "{}", "{}", "a{}", "{}b", "a{}b", "{}/", "a/b",
];

/// A route as the matcher below understands it.
#[derive(Clone, Debug, PartialEq)]
struct Naive {
    host: &'static str,
    segments: Vec<&'static str>,
    /// `""`, `"/"`, `"*"` for a rest, `"tree"`.
    end: &'static str,
    method: &'static str,
    handler: &'static str,
}

impl Naive {
    fn random(random: &mut Random, handler: &'static str) -> Self {
        let depth = random.below(4);
        let segments = (0..depth).map(|_| random.one_of(&SEGMENTS)).collect();
        let end = match depth {
            0 => random.one_of(&["/", "*", "tree"]),
            _ => random.one_of(&["", "", "/", "*", "tree"]),
        };
        Self {
            host: random.one_of(&["", "", "h"]),
            segments,
            end,
            method: random.one_of(&[
                "any", "GET", "GET", "HEAD", "POST", "OPTIONS", "TRACE", "FOO",
            ]),
            handler,
        }
    }

    fn route(&self) -> Route {
        let mut pattern = String::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let escaped = segment.replace('/', "%2F");
            pattern += &format!("/{}", escaped.replace("{}", &format!("{{p{at}}}")));
        }
        let route = match self.end {
            "tree" if pattern.is_empty() => tree("/"),
            "tree" => tree(&pattern),
            "*" => route(&(pattern + "/{*rest}")),
            end => route(&(pattern + end)),
        };
        route.host(self.host).unwrap()
    }

    fn methods(&self) -> Handlers {
        match self.method {
            "any" => any(self.handler),
            method => on(Method::from_bytes(method.as_bytes()).unwrap(), self.handler),
        }
    }

    /// How specific it is, and the values, if it fits the decoded segments. Greater is more specific.
    fn fit(&self, segments: &[&str], has_slash: bool) -> Option<(Vec<usize>, Vec<String>)> {
        let (mut ranks, mut values) = (Vec::new(), Vec::new());
        for (at, own) in self.segments.iter().enumerate() {
            let segment = segments.get(at)?;
            match own.split_once("{}") {
                None if own == segment => ranks.push(1_000),
                None => return None,
                Some((prefix, suffix)) => {
                    let value = segment.strip_prefix(prefix)?.strip_suffix(suffix)?;
                    if value.is_empty() {
                        return None;
                    }
                    ranks.push(10 + 20 * prefix.len() + suffix.len());
                    values.push(value.to_owned());
                }
            }
        }
        let left = &segments[self.segments.len()..];
        match self.end {
            "" if left.is_empty() && !has_slash => ranks.push(9),
            "/" if left.is_empty() && has_slash => ranks.push(9),
            "*" if !left.is_empty() => {
                ranks.push(2);
                values.push(left.join("/") + if has_slash { "/" } else { "" });
            }
            "tree" => ranks.push(1),
            _ => return None,
        }
        Some((ranks, values))
    }

    fn preference(&self, method: &str) -> Option<usize> {
        match (self.method, method) {
            (own, method) if own == method => Some(3),
            ("GET", "HEAD") => Some(2),
            ("any", "TRACE") => None,
            ("any", _) => Some(1),
            _ => None,
        }
    }
}

/// The handler and the values of its parameters, or the status.
fn naive(routes: &[Naive], host: &str, method: &str, segments: &[&str], slash: bool) -> String {
    let on_host = |route: &&Naive| route.host.is_empty() || route.host == host;
    let fits = routes.iter().filter(on_host).filter_map(|route| {
        let (ranks, values) = route.fit(segments, slash)?;
        Some((route, ranks, values))
    });
    let fits: Vec<_> = fits.collect();
    let able = fits.iter().filter_map(|(route, ranks, values)| {
        let preference = route.preference(method)?;
        Some(((!route.host.is_empty(), ranks, preference), route, values))
    });
    if let Some((_, route, values)) = able.max_by_key(|(order, ..)| *order) {
        return format!("{} {values:?}", route.handler);
    }
    let is_known = ["GET", "HEAD", "POST", "OPTIONS"].contains(&method)
        || routes
            .iter()
            .any(|route| route.preference(method).is_some());
    match (is_known, fits.is_empty(), method) {
        (false, ..) => "501".to_owned(),
        (_, true, _) => "404".to_owned(),
        (.., "OPTIONS") => format!("options {}", naive_allow(fits.iter().map(|fit| fit.0))),
        _ => format!("405 {}", naive_allow(fits.iter().map(|fit| fit.0))),
    }
}

fn naive_allow<'r>(fits: impl Iterator<Item = &'r Naive> + Clone) -> String {
    let order = "GET HEAD POST PUT PATCH DELETE OPTIONS FOO TRACE".split(' ');
    let allowed = order.filter(|method| {
        let accepts = |fit: &Naive| match (fit.method, *method) {
            ("any", "FOO") => false,
            _ => fit.preference(method).is_some(),
        };
        *method == "OPTIONS" || fits.clone().any(accepts)
    });
    allowed.collect::<Vec<_>>().join(", ")
}

fn real(router: &Router<&'static str>, host: &str, method: &str, raw: &str) -> String {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let target = Target::parse(&method, raw).unwrap();
    match router.find(&method, host, &target) {
        Found::Handler {
            handler, params, ..
        } => {
            let values: Vec<_> = params.iter().map(|(_, value)| value).collect();
            format!("{handler} {values:?}")
        }
        other => show(other),
    }
}

fn compare(random: &mut Random, router: &Router<&'static str>, routes: &[Naive]) {
    for _ in 0..20 {
        let alphabet = ["a", "b", "ab", "ba", "aab", "c", "a/b", "b/", "a%2F"];
        let segments: Vec<_> = (0..random.below(5))
            .map(|_| random.one_of(&alphabet))
            .collect();
        let slash = segments.is_empty() || random.below(4) == 0;
        let mut raw = String::new();
        for segment in &segments {
            raw += random.one_of(&["/", "/", "//", "/./", "/x/../"]);
            raw += &segment.replace('%', "%25").replace('/', "%2f");
        }
        raw += if slash { "/" } else { "" };
        let (host, method) = (random.one_of(&["h", "other"]), random.one_of(&METHODS));
        let expected = naive(routes, host, method, &segments, slash);
        let found = real(router, host, method, &raw);
        assert_eq!(found, expected, "{method} {raw} on {host}, {routes:#?}");
    }
}

#[test]
fn as_a_matcher_that_tries_every_route() {
    const NAMES: [&str; 12] = [
        "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..500 {
        let (mut router, mut routes) = (Router::new(), Vec::<Naive>::new());
        for name in &NAMES[..=random.below(NAMES.len())] {
            let new = Naive::random(&mut random, name);
            let taken = routes.iter().any(|route| {
                let mut same = route.clone();
                same.handler = new.handler;
                same == new
            });
            let added = router.add(&new.route(), new.methods());
            assert_eq!(added.is_err(), taken, "{new:?} after {routes:#?}");
            if !taken {
                routes.push(new);
            }
        }
        compare(&mut random, &router, &routes);
        for left in (0..routes.len()).rev() {
            let gone = routes.swap_remove(random.below(routes.len()));
            let methods = gone.methods();
            let removed = router.remove(&gone.route(), methods.handlers[0].0.clone());
            assert_eq!(removed, Some(gone.handler));
            assert_eq!(router.is_empty(), left == 0, "{gone:?}");
            compare(&mut random, &router, &routes);
        }
    }
}
