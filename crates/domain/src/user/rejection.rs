use crate::rejection::InvalidField;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserRejection {
    #[error("There is no user with this id; check the id.")]
    NotFound,
    #[error("There is a user with this id already; register under a new id.")]
    AlreadyExists,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
}

impl UserRejection {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "user-not-found",
            Self::AlreadyExists => "user-already-exists",
            Self::InvalidField(_) => InvalidField::REJECTION_CODE,
        }
    }
}
