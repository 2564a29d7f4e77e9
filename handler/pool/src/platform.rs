//! What an operator of the platform holds.

/// An operator of the platform. Had from [`Doors::operator`](crate::Doors::operator) alone; it is no [`Scope`](crate::Scope),
/// and there is no way from one to the other.
///
/// ```compile_fail
/// fn forge() -> pool::Platform { pool::Platform { operator: "mallory".into() } }
/// ```
#[derive(Clone, Debug)]
pub struct Platform {
    operator: String,
}

impl Platform {
    pub(crate) fn new(operator: String) -> Self {
        Self { operator }
    }

    /// Who it is: `sub`.
    pub fn operator(&self) -> &str {
        &self.operator
    }
}
