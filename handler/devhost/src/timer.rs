//! Timer triggers: one run at a time, a status file between runs, past-due runs at start.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    clock,
    core::Core,
    envelope::{Datum, Metadata},
    function::{Function, Trigger},
    schedule::Schedule,
};

const KIND: &str = "timers";
/// A sleeping laptop stops the monotonic clock; the wall clock is looked at this often.
const NAP: Duration = Duration::from_secs(60);

/// What the host remembers of a timer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    last: Timestamp,
    next: Timestamp,
    last_updated: Timestamp,
}

/// Fires until the host ends.
pub(crate) async fn run(core: Arc<Core>, function: Arc<Function>) {
    let Trigger::Timer { schedule, run_on_startup, .. } = &function.trigger else { return };
    let mut past_due = start(&core, &function, schedule).await;
    let mut due = past_due || *run_on_startup;
    loop {
        if due && core.unless_stopped(fire(&core, &function, past_due)).await.is_none() {
            return;
        }
        past_due = false;
        let Some(next) = schedule.next(clock::now()) else { return };
        loop {
            let left = Duration::try_from(next.duration_since(clock::now())).unwrap_or_default();
            if left.is_zero() {
                break;
            }
            if !core.pause(left.min(NAP)).await {
                return;
            }
        }
        due = true;
    }
}

/// One run, never beside another of the same function.
pub(crate) async fn fire(core: &Core, function: &Function, past_due: bool) {
    let Trigger::Timer { schedule, .. } = &function.trigger else { return };
    let _alone = function.gate.lock().await;
    let status = match monitored(function) {
        true => core.state.load::<Status>(KIND, &function.info.name).await,
        false => None,
    };
    let now = clock::now();
    let metadata = Metadata::new(&function.info.name, now);
    let _told =
        core.invoke(function, Datum::Object(info(schedule, status.as_ref(), past_due)), metadata).await;
    // The next occurrence counts from the end of the run: what fell into it is skipped.
    if monitored(function)
        && !core.worker.is_stopped()
        && let Some(next) = schedule.next(clock::now())
    {
        save(core, function, &Status { last: now, next, last_updated: now }).await;
    }
}

/// Looks at what was left by the last run of the host; true when an occurrence was missed.
async fn start(core: &Core, function: &Function, schedule: &Schedule) -> bool {
    if !monitored(function) {
        return false;
    }
    let now = clock::now();
    let Some(next) = schedule.next(now) else { return false };
    match core.state.load::<Status>(KIND, &function.info.name).await {
        Some(status) if unchanged(schedule, &status) => status.next < now,
        stale => {
            let never = "0001-01-01T00:00:00Z".parse().unwrap_or(Timestamp::MIN);
            let last = stale.map_or(never, |status| status.last);
            save(core, function, &Status { last, next, last_updated: now }).await;
            false
        }
    }
}

/// Whether the recorded next occurrence is one of this schedule; another schedule is never past due.
fn unchanged(schedule: &Schedule, status: &Status) -> bool {
    match schedule {
        Schedule::Cron(_) => {
            let before = status.next.checked_sub(jiff::SignedDuration::from_millis(1));
            before.is_ok_and(|before| schedule.next(before) == Some(status.next))
        }
        Schedule::Every(interval) => {
            let step = status.next.duration_since(status.last_updated);
            Duration::try_from(step).is_ok_and(|step| step >= *interval)
        }
    }
}

fn monitored(function: &Function) -> bool {
    match &function.trigger {
        Trigger::Timer { schedule, use_monitor, .. } => *use_monitor && schedule.monitored(clock::now()),
        _ => false,
    }
}

async fn save(core: &Core, function: &Function, status: &Status) {
    if let Err(error) = core.state.save(KIND, &function.info.name, status).await {
        core.trouble(&function.info.name, error);
    }
}

fn info(schedule: &Schedule, status: Option<&Status>, past_due: bool) -> Map<String, Value> {
    let status = status.map(|status| {
        json!({
            "Last": clock::wire(status.last),
            "Next": clock::wire(status.next),
            "LastUpdated": clock::wire(status.last_updated),
        })
    });
    let entries = [
        ("Schedule", json!({ "AdjustForDST": schedule.adjusts_for_dst() })),
        ("ScheduleStatus", json!(status)),
        ("IsPastDue", json!(past_due)),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(next: &str) -> Status {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        Status { last: at("2026-11-22T07:55:00Z"), next: at(next), last_updated: at("2026-11-22T07:55:00Z") }
    }

    #[test]
    fn the_payload_is_the_hosts() {
        let schedule = Schedule::parse("0 */5 * * * *").unwrap();
        let data = Value::Object(info(&schedule, Some(&status("2026-11-22T08:00:00Z")), false));
        let expected = json!({"Schedule": {"AdjustForDST": true},
            "ScheduleStatus": {"Last": "2026-11-22T07:55:00+00:00", "Next": "2026-11-22T08:00:00+00:00",
                "LastUpdated": "2026-11-22T07:55:00+00:00"},
            "IsPastDue": false});
        assert_eq!(data, expected);
        assert_eq!(Value::Object(info(&schedule, None, true))["ScheduleStatus"], Value::Null);
    }

    #[test]
    fn another_schedule_is_noticed() {
        let schedule = Schedule::parse("0 */5 * * * *").unwrap();
        assert!(unchanged(&schedule, &status("2026-11-22T08:00:00Z")));
        assert!(!unchanged(&schedule, &status("2026-11-22T08:01:00Z")));
        let every = Schedule::parse("00:10:00").unwrap();
        assert!(unchanged(&every, &status("2026-11-22T08:05:00Z")));
        assert!(!unchanged(&every, &status("2026-11-22T07:56:00Z")));
    }
}
