use crate::rejection::InvalidField;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserRejection {
    #[error("There is no user with this id; check the id.")]
    NotFound,
    #[error("There is a user with this id already; register under a new id.")]
    AlreadyExists,
    #[error("The account has been deactivated; an administrator can reactivate it.")]
    Deactivated,
    #[error("There is no e-mail address that could be verified: this customer has no account.")]
    NoEmail,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
}

impl UserRejection {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "user-not-found",
            Self::AlreadyExists => "user-already-exists",
            Self::Deactivated => "account-deactivated",
            Self::NoEmail => "no-email",
            Self::InvalidField(_) => InvalidField::REJECTION_CODE,
        }
    }
}
