//! Requests come in classes, so that a flood of one leaves the others alone.

use axum::http::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    SignIn,
    Command,
    Query,
    /// Batches of usage events: of little weight each, and from anyone.
    Usage,
}

impl Class {
    /// `None` for what operators ask (`/healthz`, `/metrics` …): that is neither limited nor turned away.
    pub fn of(method: &Method, path: &str) -> Option<Class> {
        let resource = path.strip_prefix(crate::app::BASE)?;
        Some(match (method, resource) {
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Class::Query,
            (_, "/users/login" | "/users/refresh") => Class::SignIn,
            (_, "/analytics/events") => Class::Usage,
            _ => Class::Command,
        })
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Class::SignIn => "sign-in",
            Class::Command => "commands",
            Class::Query => "queries",
            Class::Usage => "usage",
        }
    }
}

/// One for each class.
#[derive(Clone, Copy, Debug)]
pub struct ByClass<T> {
    pub sign_in: T,
    pub command: T,
    pub query: T,
    pub usage: T,
}

impl<T> ByClass<T> {
    pub fn get(&self, class: Class) -> &T {
        match class {
            Class::SignIn => &self.sign_in,
            Class::Command => &self.command,
            Class::Query => &self.query,
            Class::Usage => &self.usage,
        }
    }

    pub fn map<U>(&self, make: impl Fn(Class, &T) -> U) -> ByClass<U> {
        ByClass {
            sign_in: make(Class::SignIn, &self.sign_in),
            command: make(Class::Command, &self.command),
            query: make(Class::Query, &self.query),
            usage: make(Class::Usage, &self.usage),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.sign_in, &self.command, &self.query, &self.usage].into_iter()
    }
}

impl<T: Clone> ByClass<T> {
    pub fn all(value: T) -> ByClass<T> {
        ByClass {
            sign_in: value.clone(),
            command: value.clone(),
            query: value.clone(),
            usage: value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_their_classes() {
        assert_eq!(
            Class::of(&Method::GET, "/api/v1/products"),
            Some(Class::Query)
        );
        assert_eq!(
            Class::of(&Method::POST, "/api/v1/users/login"),
            Some(Class::SignIn)
        );
        assert_eq!(
            Class::of(&Method::POST, "/api/v1/users/register"),
            Some(Class::Command)
        );
        assert_eq!(
            Class::of(&Method::POST, "/api/v1/analytics/events"),
            Some(Class::Usage)
        );
        assert_eq!(Class::of(&Method::GET, "/healthz"), None);
    }
}
