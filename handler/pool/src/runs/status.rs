use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for its turn.
    Queued,
    /// It is being driven.
    InProgress,
    /// It waits for outputs of the client's functions.
    RequiresAction,
    /// It will end as soon as its driver sees it.
    Cancelling,
    /// It was cancelled.
    Cancelled,
    /// It has answered.
    Completed,
    /// It has failed; `last_error` says why.
    Failed,
    /// It took too long.
    Expired,
    /// It was cut at a limit; `incomplete_details` says which.
    Incomplete,
}

/// What can befall a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A driver takes it up, or over.
    Begin,
    /// The model calls functions of the client's.
    Ask,
    /// The client hands in the outputs.
    Resume,
    /// The client wants no more of it.
    Cancel,
    /// It ends.
    End(Ending),
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Completed,
    /// With a failure.
    Failed,
    /// By the client's wish.
    Cancelled,
    /// By the clock.
    Expired,
    /// At a limit.
    Incomplete,
}

impl Status {
    /// Where a move leads; `None` when it is not allowed here.
    pub fn after(self, r#move: Move) -> Option<Self> {
        use Move::{Ask, Begin, Cancel, End, Resume};
        match (self, r#move) {
            (Self::Queued | Self::InProgress, Begin) => Some(Self::InProgress),
            (Self::InProgress, Ask) => Some(Self::RequiresAction),
            (Self::RequiresAction, Resume) => Some(Self::Queued),
            (Self::Queued | Self::RequiresAction, Cancel) => Some(Self::Cancelled),
            (Self::InProgress | Self::Cancelling, Cancel) => Some(Self::Cancelling),
            (Self::InProgress, End(Ending::Completed)) => Some(Self::Completed),
            (Self::InProgress, End(Ending::Incomplete)) => Some(Self::Incomplete),
            (Self::Queued | Self::InProgress, End(Ending::Failed)) => Some(Self::Failed),
            (Self::Cancelling, End(Ending::Cancelled)) => Some(Self::Cancelled),
            (Self::Queued | Self::InProgress | Self::RequiresAction, End(Ending::Expired)) => {
                Some(Self::Expired)
            }
            _ => None,
        }
    }

    /// Whether it stays as it is unless a client does something: it has ended, or waits for the client.
    pub(crate) fn rests(self) -> bool {
        self.ended() || self == Self::RequiresAction
    }

    /// Whether nothing can befall it any more.
    pub fn ended(self) -> bool {
        matches!(self, Self::Cancelled | Self::Completed | Self::Failed | Self::Expired | Self::Incomplete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 9] = [
        Status::Queued,
        Status::InProgress,
        Status::RequiresAction,
        Status::Cancelling,
        Status::Cancelled,
        Status::Completed,
        Status::Failed,
        Status::Expired,
        Status::Incomplete,
    ];
    const MOVES: [Move; 9] = [
        Move::Begin,
        Move::Ask,
        Move::Resume,
        Move::Cancel,
        Move::End(Ending::Completed),
        Move::End(Ending::Failed),
        Move::End(Ending::Cancelled),
        Move::End(Ending::Expired),
        Move::End(Ending::Incomplete),
    ];

    #[test]
    fn what_has_ended_stays_so_and_all_else_can_end() {
        for status in ALL {
            let next: Vec<_> = MOVES.iter().filter_map(|m| status.after(*m)).collect();
            assert_eq!(next.is_empty(), status.ended(), "{status:?}");
            let ends =
                next.iter().any(|next| next.ended() || next.after(Move::End(Ending::Cancelled)).is_some());
            assert_eq!(ends, !status.ended(), "{status:?}");
        }
    }

    #[test]
    fn only_a_run_that_is_driven_can_answer() {
        for status in ALL {
            let answers = status.after(Move::End(Ending::Completed)).is_some();
            assert_eq!(answers, status == Status::InProgress, "{status:?}");
        }
        assert_eq!(Status::Cancelling.after(Move::Begin), None);
        assert_eq!(Status::RequiresAction.after(Move::Begin), None);
    }
}
