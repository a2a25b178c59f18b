//! The class of each request. Routes declare what they do; the gateway looks it up by the route's path, since it
//! decides before the route is asked.

use std::collections::HashMap;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;

use super::class::Class;

/// How requests for a route are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    pub class: Class,
    /// Success means that somebody has proved who they are, and is given back.
    pub only_failures: bool,
}

impl Counting {
    pub const fn each(class: Class) -> Counting {
        Counting {
            class,
            only_failures: false,
        }
    }

    pub const fn failures(class: Class) -> Counting {
        Counting {
            class,
            only_failures: true,
        }
    }
}

/// By path, as routes have it (`/users/{id}`), and method.
#[derive(Debug, Default)]
pub struct Classes(HashMap<String, Vec<(Method, Counting)>>);

impl FromIterator<(Method, String, Counting)> for Classes {
    fn from_iter<I: IntoIterator<Item = (Method, String, Counting)>>(declared: I) -> Classes {
        let mut classes = Classes::default();
        for (method, path, counting) in declared {
            classes.0.entry(path).or_default().push((method, counting));
        }
        classes
    }
}

impl Classes {
    /// `None` for what operators ask (`/healthz`, `/metrics` …): that is neither limited nor turned away.
    pub(crate) fn of(&self, request: &Request) -> Option<Counting> {
        let route = request.extensions().get::<MatchedPath>();
        route
            .and_then(|route| self.declared(request.method(), route.as_str()))
            .or_else(|| undeclared(request.method(), request.uri().path()))
    }

    fn declared(&self, method: &Method, path: &str) -> Option<Counting> {
        let served_as = match *method {
            Method::HEAD => &Method::GET,
            _ => method,
        };
        let methods = self.0.get(path)?.iter();
        let mut counted = methods.filter(|(method, _)| method == served_as);
        counted.next().map(|&(_, counting)| counting)
    }
}

/// What no route takes, and the document.
fn undeclared(method: &Method, path: &str) -> Option<Counting> {
    let class = match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Class::Query,
        _ => Class::Command,
    };
    path.starts_with(super::BASE)
        .then_some(Counting::each(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_route_declares_is_counted_by_its_method() {
        for (method, path, class) in [
            (Method::GET, "/api/v1/openapi.json", Some(Class::Query)),
            (Method::OPTIONS, "/api/v1/products", Some(Class::Query)),
            (Method::POST, "/api/v1/nothing", Some(Class::Command)),
            (Method::GET, "/healthz", None),
        ] {
            let counted = undeclared(&method, path).map(|counting| counting.class);
            assert_eq!(counted, class, "{path}");
        }
    }

    #[test]
    fn a_look_at_the_head_counts_like_the_whole() {
        let usage = Counting::each(Class::Usage);
        let declared = [(Method::GET, "/api/v1/x".to_owned(), usage)];
        let classes: Classes = declared.into_iter().collect();
        assert_eq!(classes.declared(&Method::HEAD, "/api/v1/x"), Some(usage));
        assert_eq!(classes.declared(&Method::POST, "/api/v1/x"), None);
    }
}
