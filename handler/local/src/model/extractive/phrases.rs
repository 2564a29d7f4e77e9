//! What the model says of its own accord, in the language of the question.

use super::quotes::Quote;
use crate::model::segments::is_japanese;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Japanese,
}

impl Language {
    pub(super) fn of(question: &str) -> Self {
        if is_japanese(question) { Self::Japanese } else { Self::English }
    }

    pub(super) fn no_question(self) -> String {
        match self {
            Self::English => "There is no question to answer.".into(),
            Self::Japanese => "ご質問がありません。".into(),
        }
    }

    pub(super) fn no_search(self) -> String {
        match self {
            Self::English => "I can only answer from documents, and I have no file_search tool.".into(),
            Self::Japanese => "文書に基づくお答えしかできませんが、file_search ツールがありません。".into(),
        }
    }

    pub(super) fn nothing_found(self) -> String {
        match self {
            Self::English => "I found nothing about that in your documents.".into(),
            Self::Japanese => "お使いの文書には、それに関する記載が見つかりませんでした。".into(),
        }
    }

    pub(super) fn no_such_tool(self, name: &str, tools: &str) -> String {
        match self {
            Self::English => format!("There is no tool called “{name}”. The tools are: {tools}."),
            Self::Japanese => format!("「{name}」というツールはありません。使えるツール：{tools}。"),
        }
    }

    pub(super) fn bad_arguments(self, name: &str, tools: &str) -> String {
        match self {
            Self::English => format!(
                "The arguments of {name} are not valid JSON: an object is needed, as in /tool {name} {{\"key\": \"value\"}}. The tools are: {tools}."
            ),
            Self::Japanese => format!(
                "{name} の引数が正しい JSON ではありません。/tool {name} {{\"key\": \"value\"}} のようにオブジェクトで指定してください。使えるツール：{tools}。"
            ),
        }
    }

    pub(super) fn no_tools(self) -> &'static str {
        match self {
            Self::English => "none",
            Self::Japanese => "なし",
        }
    }

    pub(super) fn tool_answered(self, name: &str, output: &str) -> String {
        match self {
            Self::English => format!("{name} answered: “{output}”"),
            Self::Japanese => format!("{name} の結果：「{output}」"),
        }
    }

    pub(super) fn tool_was_silent(self, name: &str) -> String {
        match self {
            Self::English => format!("{name} gave no answer."),
            Self::Japanese => format!("{name} から結果がありませんでした。"),
        }
    }

    pub(super) fn quotes(self, quotes: &[Quote]) -> String {
        let (lead, open, close) = match self {
            Self::English => ("From your documents:", "“", "” "),
            Self::Japanese => ("お使いの文書によると：", "「", "」"),
        };
        let lines =
            quotes.iter().map(|quote| format!("\n- {open}{}{close}[{}]", quote.text, quote.reference));
        format!("{lead}\n{}", lines.collect::<String>())
    }
}
