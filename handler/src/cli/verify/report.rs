//! What was found, for people and for machines.

use super::{
    super::{Fault, show},
    check::{Outcome, Severity, Verdict},
    checks::CHECKS,
};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use owo_colors::OwoColorize;
use serde_json::{Value, json};
use std::{fmt::Write, io::IsTerminal};

/// The most evidence that the table has of one check.
const SHOWN: usize = 5;

/// How it is told.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// All of it.
    Json,
    /// For CI.
    Junit,
    /// For code scanning, version 2.1.0.
    Sarif,
}

/// What was found.
pub(super) struct Report {
    pub(super) target: String,
    pub(super) tenants: [String; 2],
    pub(super) verdicts: Vec<Verdict>,
    /// How many requests it took.
    pub(super) requests: usize,
    /// What was made and could not be removed.
    pub(super) left: Vec<String>,
    pub(super) at: String,
}

impl Report {
    pub(super) fn count(&self, outcome: Outcome) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.outcome == outcome).count()
    }

    /// All of it, in a format. `colour`: for a terminal.
    pub(super) fn text(&self, format: Format, colour: bool) -> String {
        match format {
            Format::Table => self.table(colour),
            Format::Json => format!("{:#}", self.json()),
            Format::Junit => self.junit(),
            Format::Sarif => format!("{:#}", self.sarif()),
        }
    }

    fn table(&self, colour: bool) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        if colour && std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        for verdict in &self.verdicts {
            let check = verdict.check;
            let outcome = verdict.outcome.name();
            let outcome = match verdict.outcome {
                Outcome::Passed if colour => outcome.green().to_string(),
                Outcome::Failed if colour => outcome.red().bold().to_string(),
                Outcome::NotRun if colour => outcome.yellow().to_string(),
                _ => outcome.to_owned(),
            };
            table.add_row([
                outcome,
                check.id.to_owned(),
                check.severity.name().to_owned(),
                check.title.to_owned(),
            ]);
        }
        let mut text = table
            .lines()
            .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n")
            .collect::<String>();
        // What passed needs no words, but where there are numbers.
        let told = |verdict: &&Verdict| verdict.outcome != Outcome::Passed || verdict.evidence.len() > 1;
        for verdict in self.verdicts.iter().filter(told) {
            let check = verdict.check;
            let _ = writeln!(text, "\n{} {}: {}", verdict.outcome.name(), check.id, check.title);
            for line in verdict.evidence.iter().take(SHOWN) {
                let _ = writeln!(text, "  {line}");
            }
            if verdict.evidence.len() > SHOWN {
                let _ = writeln!(text, "  and {} more", verdict.evidence.len() - SHOWN);
            }
            if verdict.outcome == Outcome::Failed {
                let _ = writeln!(text, "  an attacker gains: {}\n  look at: {}", check.gain, check.look);
            }
        }
        let [a, b] = &self.tenants;
        let _ = write!(
            text,
            "\n{} (A is {a}, B is {b}): {} passed, {} failed, {} not run; {} requests",
            self.target,
            self.count(Outcome::Passed),
            self.count(Outcome::Failed),
            self.count(Outcome::NotRun),
            self.requests,
        );
        for left in &self.left {
            let _ = write!(text, "\nleft behind: {left}");
        }
        if colour { text } else { text.trim_end().to_owned() }
    }

    fn json(&self) -> Value {
        let checks: Vec<_> = self
            .verdicts
            .iter()
            .map(|verdict| {
                let check = verdict.check;
                json!({"id": check.id, "title": check.title, "severity": check.severity.name(),
                    "outcome": verdict.outcome.name(), "gain": check.gain, "look": check.look,
                    "asked": verdict.asked, "evidence": verdict.evidence, "took_ms": verdict.took_ms as u64})
            })
            .collect();
        json!({
            "tool": "handler verify",
            "version": env!("CARGO_PKG_VERSION"),
            "at": self.at,
            "target": self.target,
            "requests": self.requests,
            "tenants": {"a": self.tenants[0], "b": self.tenants[1]},
            "summary": {"passed": self.count(Outcome::Passed), "failed": self.count(Outcome::Failed),
                "not_run": self.count(Outcome::NotRun)},
            "checks": checks,
            "left_behind": self.left,
        })
    }

    fn junit(&self) -> String {
        let mut cases = String::new();
        for verdict in &self.verdicts {
            let check = verdict.check;
            let seconds = verdict.took_ms as f64 / 1000.0;
            let _ = write!(
                cases,
                "  <testcase classname=\"handler.verify\" name=\"{}\" time=\"{seconds:.3}\">",
                escaped(check.id)
            );
            let evidence = escaped(&verdict.evidence.join("\n"));
            let _ = match verdict.outcome {
                Outcome::Passed => Ok(()),
                Outcome::Failed => write!(
                    cases,
                    "<failure type=\"{}\" message=\"{}\">{evidence}</failure>",
                    check.severity.name(),
                    escaped(check.title)
                ),
                Outcome::NotRun => write!(cases, "<skipped message=\"{evidence}\"/>"),
            };
            cases.push_str("</testcase>\n");
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"handler verify\" \
             tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" timestamp=\"{}\">\n{cases}</testsuite>\n</testsuites>",
            self.verdicts.len(),
            self.count(Outcome::Failed),
            self.count(Outcome::NotRun),
            escaped(&self.at),
        )
    }

    fn sarif(&self) -> Value {
        let level = |severity| match severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "note",
        };
        let rules: Vec<_> = CHECKS
            .iter()
            .map(|check| {
                json!({"id": check.id, "shortDescription": {"text": check.title},
                    "fullDescription": {"text": format!("An attacker gains: {}.", check.gain)},
                    "defaultConfiguration": {"level": level(check.severity)},
                    "properties": {"severity": check.severity.name()}})
            })
            .collect();
        let results: Vec<_> = self
            .verdicts
            .iter()
            .map(|verdict| {
                let check = verdict.check;
                let (kind, level) = match verdict.outcome {
                    Outcome::Passed => ("pass", "none"),
                    Outcome::Failed => ("fail", level(check.severity)),
                    Outcome::NotRun => ("notApplicable", "none"),
                };
                json!({"ruleId": check.id, "kind": kind, "level": level,
                    "ruleIndex": CHECKS.iter().position(|known| known.id == check.id),
                    "message": {"text": verdict.evidence.join("\n")},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": check.look},
                        "region": {"startLine": 1}}}]})
            })
            .collect();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {"name": "handler verify", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
                "results": results,
            }],
        })
    }
}

/// Prints a report. One that goes to a file is told to people as well.
pub(super) fn tell(report: &Report, format: Format, file: Option<&std::path::Path>) -> Result<(), Fault> {
    let colour = std::io::stdout().is_terminal();
    match file {
        Some(file) => {
            let text = report.text(format, false) + "\n";
            std::fs::write(file, text).map_err(|fault| format!("{}: {fault}", file.display()))?;
            show::line(&report.text(Format::Table, colour));
        }
        None => show::line(&report.text(format, colour)),
    }
    Ok(())
}

/// Text in XML 1.0.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn xml_is_escaped() {
        assert_eq!(escaped("<a b=\"c\">&\u{1b}"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}");
    }
}
