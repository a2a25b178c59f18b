//! The classes of requests. Each has its own limits, so that a flood of one class does not affect the others.

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
