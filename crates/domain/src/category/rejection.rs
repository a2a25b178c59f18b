use crate::rejection::InvalidField;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CategoryRejection {
    #[error("There is no category with this id; check the id.")]
    NotFound,
    #[error("There is or was a category with this id already; create it under a new id.")]
    AlreadyExists,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
}

impl CategoryRejection {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "category-not-found",
            Self::AlreadyExists => "category-already-exists",
            Self::InvalidField(_) => InvalidField::REJECTION_CODE,
        }
    }
}
