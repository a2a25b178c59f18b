#[derive(Clone, Debug)]
pub enum CategoryCommand {
    Create {
        name: String,
        description: String,
    },
    /// A field that is left out stays as it is.
    Change {
        name: Option<String>,
        description: Option<String>,
    },
    Delete,
}
