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
    const NONE: Self = Self(0);

    /// What a member of a tenant may do: all but write agents.
    fn of_a_user() -> Self {
        let agents = [Action::Create, Action::Update, Action::Delete]
            .map(|action| Permission(action, Resource::Agents));
        Self(agents.iter().fold(u64::MAX, |all, permission| all & !permission.bit()))
    }

    pub(crate) fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }
}

/// What a token's roles and scopes permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) permissions: Permissions,
    /// Whether the caller sees what is the tenant's other users'.
    pub(crate) admin: bool,
}

/// What each role and scope permits. What is not named permits nothing.
#[derive(Clone, Debug)]
pub struct Grants(Vec<(String, Granted)>);

impl Grants {
    /// The map that is used when none is set: `admin` may do all, and any member of a tenant is a user.
    pub const DEFAULT: &str = "admin=admin,*=user";

    /// Reads `name=what`, with commas between. A name is a role's, or a scope's after `scp:`, or `*`: anyone. What it
    /// permits is `admin`, `user`, or permissions such as `read:agents` with `+` between; `*` stands for any action
    /// or any resource.
    ///
    /// # Errors
    /// In words, the entry and what it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let grants = entries.map(|entry| {
            let read = entry.split_once('=').filter(|(name, _)| !name.is_empty() && *name != "scp:");
            let read = read.and_then(|(name, what)| Some((name.to_owned(), granted(what)?)));
            read.ok_or_else(|| format!("`{entry}` must be a name, `=`, and `admin`, `user` or permissions"))
        });
        grants.collect::<Result<_, _>>().map(Self)
    }

    /// All that these roles and scopes permit together.
    pub(crate) fn of(&self, roles: &[String], scopes: &[String]) -> Granted {
        let held = |name: &str| match name.strip_prefix("scp:") {
            Some(scope) => scopes.iter().any(|held| held == scope),
            None => name == "*" || roles.iter().any(|held| held == name),
        };
        let none = Granted { permissions: Permissions::NONE, admin: false };
        self.0.iter().filter(|(name, _)| held(name)).fold(none, |all, (_, more)| Granted {
            permissions: Permissions(all.permissions.0 | more.permissions.0),
            admin: all.admin || more.admin,
        })
    }
}

fn granted(what: &str) -> Option<Granted> {
    match what {
        "admin" => Some(Granted { permissions: Permissions::ALL, admin: true }),
        "user" => Some(Granted { permissions: Permissions::of_a_user(), admin: false }),
        words => {
            let mut permissions = Permissions::NONE;
            for word in words.split('+') {
                permissions.0 |= matching(word)?;
            }
            Some(Granted { permissions, admin: false })
        }
    }
}

/// The bits of the permissions that a word such as `read:agents` or `*:files` stands for.
fn matching(word: &str) -> Option<u64> {
    use {Action::*, Resource::*};
    let (action, resource) = word.split_once(':')?;
    let mut bits = 0;
    for one in [Create, Read, Update, Delete] {
        for other in [Agents, Threads, Messages, Runs, Files, Documents, Records] {
            let name = Permission(one, other).name();
            let (its_action, its_resource) = name.split_once(':')?;
            if ["*", its_action].contains(&action) && ["*", its_resource].contains(&resource) {
                bits |= Permission(one, other).bit();
            }
        }
    }
    (bits != 0).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE_AGENTS: Permission = Permission(Action::Create, Resource::Agents);
    const READ_AGENTS: Permission = Permission(Action::Read, Resource::Agents);
    const CREATE_FILES: Permission = Permission(Action::Create, Resource::Files);

    fn of(grants: &str, roles: &[&str], scopes: &[&str]) -> Granted {
        let [roles, scopes] =
            [roles, scopes].map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        Grants::parse(grants).unwrap().of(&roles, &scopes)
    }

    #[test]
    fn users_do_not_write_agents_and_admins_do() {
        assert_eq!(CREATE_AGENTS.name(), "create:agents");
        for roles in [vec![], vec!["user"], vec!["Admin"], vec!["platform"], vec!["*"], vec!["scp:admin"]] {
            let granted = of(Grants::DEFAULT, &roles, &["admin"]);
            assert!(!granted.permissions.has(CREATE_AGENTS) && !granted.admin, "{roles:?}");
            assert!(granted.permissions.has(READ_AGENTS) && granted.permissions.has(CREATE_FILES));
        }
        let admin = of(Grants::DEFAULT, &["admin"], &[]);
        // What is permitted twice is permitted.
        assert_eq!(admin, Granted { permissions: Permissions::ALL, admin: true });
    }

    #[test]
    fn a_map_of_ones_own_permits_what_it_says_and_no_more() {
        let map =
            "Pool.Admin=admin, scp:agents.read=read:agents, Uploader=create:files+read:files,Reader=read:*";
        let nothing = of(map, &["admin", "agents.read", "scp:agents.read"], &["Pool.Admin", "Uploader"]);
        assert_eq!(nothing, Granted { permissions: Permissions::NONE, admin: false });
        assert!(of(map, &["Pool.Admin"], &[]).admin);
        let scoped = of(map, &[], &["agents.read"]).permissions;
        assert!(scoped.has(READ_AGENTS) && !scoped.has(CREATE_AGENTS) && !scoped.has(CREATE_FILES));
        let both = of(map, &["Uploader", "Reader"], &[]);
        assert!(both.permissions.has(READ_AGENTS) && both.permissions.has(CREATE_FILES) && !both.admin);
        assert!(!both.permissions.has(CREATE_AGENTS));
        assert!(!of(map, &["Reader"], &[]).permissions.has(CREATE_FILES));
        assert!(of("x=*:agents", &["x"], &[]).permissions.has(CREATE_AGENTS));
    }

    #[test]
    fn a_map_that_is_not_understood_is_refused() {
        for bad in [
            "admin",
            "=admin",
            "scp:=user",
            "a=",
            "a=root",
            "a=read",
            "a=read:",
            "a=read:agent",
            "a=write:*",
            "a=read:agents+",
            "a=Read:agents",
            "a=admin+read:agents",
            "a=read:agents read:files",
            "a=:",
        ] {
            assert!(Grants::parse(bad).unwrap_err().contains('`'), "{bad}");
        }
        assert_eq!(of("", &["admin"], &[]).permissions, Permissions::NONE, "nobody may do anything");
    }
}
