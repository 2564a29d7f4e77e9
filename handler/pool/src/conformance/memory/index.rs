use crate::{
    TenantId,
    filter::Scalar,
    ports::{Entry, EntryKey, Hit, Index, PortError, PortResult, SearchMode, SearchQuery, Visibility},
};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

const STOP: [&str; 18] = [
    "a", "an", "and", "are", "do", "does", "for", "how", "in", "is", "it", "many", "of", "or", "the", "to",
    "what", "which",
];

/// [`Index`] in a map: words by hand (single characters and pairs of them, where a script has no spaces), TF-IDF, cosine.
#[derive(Default)]
pub struct MemoryIndex(Mutex<BTreeMap<String, BTreeMap<EntryKey, Entry>>>);

impl MemoryIndex {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every entry of a tenant.
    pub fn entries(&self, tenant: &str) -> Vec<Entry> {
        self.state().get(tenant).map(|entries| entries.values().cloned().collect()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<EntryKey, Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Index for MemoryIndex {
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()> {
        let mut state = self.state();
        let mine = state.entry(tenant.to_string()).or_default();
        mine.extend(entries.into_iter().map(|entry| (entry.key.clone(), entry)));
        Ok(())
    }

    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()> {
        if let Some(mine) = self.state().get_mut(tenant.as_str()) {
            mine.retain(|key, _| !keys.contains(key));
        }
        Ok(())
    }

    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>> {
        let all = self.entries(tenant.as_str());
        let visible: Vec<&Entry> = all.iter().filter(|entry| may_see(entry, query)).collect();
        let ranked = match (query.mode, &query.vector) {
            (SearchMode::Text, _) => by_words(&all, &visible, &query.text),
            (_, None) => return Err(PortError::refused("a search by vector needs a vector")),
            (SearchMode::Vector, Some(vector)) => by_vector(&visible, vector),
            (SearchMode::Hybrid, Some(vector)) => {
                fuse(&by_words(&all, &visible, &query.text), &by_vector(&visible, vector))
            }
        };
        let hit = |(entry, score): (&Entry, f64)| Hit {
            tenant: tenant.to_string(),
            entry: Entry { vector: None, ..entry.clone() },
            score,
            snippet: entry.content.chars().take(300).collect(),
        };
        Ok(ranked.into_iter().take(query.top).map(hit).collect())
    }
}

fn may_see(entry: &Entry, query: &SearchQuery) -> bool {
    let mine = match (&query.visibility, &entry.owner) {
        (Visibility::Tenant, _) | (_, None) => true,
        (Visibility::User(user), Some(owner)) => user == owner,
    };
    let value = |scalar: &Scalar| serde_json::to_value(scalar).unwrap_or_default();
    let fields = || entry.fields.iter().map(|(name, scalar)| (name.clone(), value(scalar))).collect();
    mine && query.filter.as_ref().is_none_or(|filter| filter.passes(&serde_json::Value::Object(fields())))
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        if run.is_ascii() {
            words.push(run.to_owned());
        } else {
            let chars: Vec<char> = run.chars().collect();
            words.extend(chars.windows(2).map(|pair| pair.iter().collect()));
            words.extend(chars.iter().map(|c| c.to_string()));
        }
    }
    words
}

fn by_words<'a>(all: &[Entry], visible: &[&'a Entry], text: &str) -> Vec<(&'a Entry, f64)> {
    let asked: BTreeSet<String> = words(text).into_iter().collect();
    let kept: BTreeSet<String> =
        asked.iter().filter(|word| !STOP.contains(&word.as_str())).cloned().collect();
    let asked = if kept.is_empty() { asked } else { kept };
    let mut documents: HashMap<String, usize> = HashMap::new();
    for entry in all {
        let distinct: BTreeSet<_> = words(&entry.title).into_iter().chain(words(&entry.content)).collect();
        distinct.into_iter().for_each(|word| *documents.entry(word).or_default() += 1);
    }
    let score = |entry: &Entry| -> f64 {
        let (title, content) = (words(&entry.title), words(&entry.content));
        let one = |word: &String| {
            let count = |list: &[String]| list.iter().filter(|other| *other == word).count() as f64;
            let frequency = (3.0 * count(&title) + count(&content)) / (8.0 + (content.len() as f64).sqrt());
            let rarity = (1.0 + all.len() as f64 / (1.0 + *documents.get(word).unwrap_or(&0) as f64)).ln();
            frequency / (1.0 + frequency) * rarity * word.chars().count().min(4) as f64
        };
        asked.iter().map(one).sum()
    };
    best(visible.iter().map(|entry| (*entry, score(entry))).filter(|(_, score)| *score > 0.0).collect())
}

fn by_vector<'a>(visible: &[&'a Entry], with: &[f32]) -> Vec<(&'a Entry, f64)> {
    let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let cosine = |v: &[f32]| {
        v.iter().zip(with).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / norm(v) / norm(with)
    };
    let scored = visible.iter().filter_map(|entry| {
        entry
            .vector
            .as_ref()
            .filter(|vector| vector.len() == with.len())
            .map(|vector| (*entry, cosine(vector)))
    });
    best(scored.collect())
}

fn fuse<'a>(text: &[(&'a Entry, f64)], vector: &[(&'a Entry, f64)]) -> Vec<(&'a Entry, f64)> {
    let mut fused: BTreeMap<&EntryKey, (&Entry, f64)> = BTreeMap::new();
    for (list, weight) in [(text, 1.0), (vector, 0.4)] {
        for (rank, (entry, _)) in list.iter().enumerate() {
            fused.entry(&entry.key).or_insert((entry, 0.0)).1 += weight / (61.0 + rank as f64);
        }
    }
    best(fused.into_values().collect())
}

fn best(mut scored: Vec<(&Entry, f64)>) -> Vec<(&Entry, f64)> {
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.key.cmp(&b.0.key)));
    scored
}
