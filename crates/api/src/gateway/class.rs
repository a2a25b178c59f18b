//! The classes of requests. Each has its own limits, so that a flood of one class does not affect the others.

use axum::http::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Requests that try a password or ask for a message: signing in, and changes to who can sign in.
    SignIn,
    Command,
    Query,
    /// Batches of usage events: each is cheap, and anybody may send them.
    Usage,
}

impl Class {
    /// `None` for operators' requests (`/healthz`, `/metrics` …), which are neither limited nor refused.
    pub fn of(method: &Method, path: &str) -> Option<Class> {
        let resource = path.strip_prefix(super::BASE)?;
        Some(match (method, resource) {
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Class::Query,
            (_, "/analytics/events") => Class::Usage,
            (_, resource) if is_about_signing_in(resource) => Class::SignIn,
            _ => Class::Command,
        })
    }

    /// Whether a successful request of [`Class::SignIn`] means that somebody has proven who they are.
    pub fn signs_in(path: &str) -> bool {
        matches!(
            path.strip_prefix(super::BASE),
            Some("/users/login" | "/users/refresh")
        )
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

fn is_about_signing_in(resource: &str) -> bool {
    let Some(rest) = resource.strip_prefix("/users/") else {
        return false;
    };
    let (parent, last) = rest.rsplit_once('/').unwrap_or(("", rest));
    match last {
        "login" | "refresh" => parent.is_empty(),
        // For an account, or for whoever has the token in the body.
        "password" | "email-verification" => true,
        _ => matches!(parent, "password" | "oidc"),
    }
}

/// One value for each class.
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
        for (method, path, class) in [
            (Method::GET, "/api/v1/products", Class::Query),
            (Method::POST, "/api/v1/users/login", Class::SignIn),
            (Method::POST, "/api/v1/users/refresh", Class::SignIn),
            (
                Method::POST,
                "/api/v1/users/password/forgotten",
                Class::SignIn,
            ),
            (Method::PUT, "/api/v1/users/7/password", Class::SignIn),
            (Method::POST, "/api/v1/users/register", Class::Command),
            (Method::POST, "/api/v1/users/logout", Class::Command),
            (Method::POST, "/api/v1/analytics/events", Class::Usage),
        ] {
            assert_eq!(Class::of(&method, path), Some(class), "{path}");
        }
        assert_eq!(Class::of(&Method::GET, "/healthz"), None);
    }
}
