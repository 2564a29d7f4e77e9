//! Who may do what: permissions, and the roles that carry them.

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Makes a new one.
    Create,
    /// Reads one or many.
    Read,
    /// Changes one.
    Update,
    /// Removes one.
    Delete,
}

/// To what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Agents and their versions.
    Agents,
    /// Threads.
    Threads,
    /// Messages.
    Messages,
    /// Runs, their steps and events.
    Runs,
    /// Files.
    Files,
    /// Search documents.
    Documents,
    /// The tenant's own JSON documents.
    Records,
}

/// `action:resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission(pub Action, pub Resource);

impl Permission {
    /// As it is written: `create:agents`.
    pub fn name(self) -> String {
        format!("{:?}:{:?}", self.0, self.1).to_ascii_lowercase()
    }

    const fn bit(self) -> u64 {
        1 << (self.1 as u64 * 4 + self.0 as u64)
    }
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions(u64);

impl Permissions {
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// A member of a tenant is a `user`, whatever other roles it has; `admin` may do all. Roles that are not known
    /// give nothing.
    pub(crate) fn of(roles: &[String]) -> Self {
        if is_admin(roles) {
            return Self::ALL;
        }
        let agents = [Action::Create, Action::Update, Action::Delete]
            .map(|action| Permission(action, Resource::Agents));
        Self(agents.iter().fold(u64::MAX, |all, permission| all & !permission.bit()))
    }

    pub(crate) fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }
}

pub(crate) fn is_admin(roles: &[String]) -> bool {
    roles.iter().any(|role| role == "admin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_do_not_write_agents_and_admins_do() {
        let create = Permission(Action::Create, Resource::Agents);
        assert_eq!(create.name(), "create:agents");
        for roles in [vec![], vec!["user"], vec!["Admin"], vec!["platform"]] {
            let set = Permissions::of(&roles.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert!(!set.has(create), "{roles:?}");
            assert!(set.has(Permission(Action::Read, Resource::Agents)));
            assert!(set.has(Permission(Action::Create, Resource::Files)));
        }
        assert!(Permissions::of(&["admin".into()]).has(create));
    }
}
