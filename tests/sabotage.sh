#!/usr/bin/env bash
# Takes the guards away one by one, in a copy of the sources, and sees that a test falls for each of them.
# `make sabotage`, or `tests/sabotage.sh WORD` for the guards whose line has the word.
set -euo pipefail
cd "$(dirname "$0")/.."
# A target of its own: a service without a guard must not be taken for the real one.
export CARGO_TARGET_DIR=$PWD/target/sabotaged TESTDATA=${TESTDATA:-$PWD/../shared/testdata} RUST_BACKTRACE=0
copy=$PWD/target/sabotage
rm -rf "$copy" && mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"

law="-p pool --test law" unit="-p pool --lib" handler="-p handler --lib" it="-p tests --test it"
extract="-p extract --test process" compile="-p pool --test compile_fail"
held=0 missed=0 scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# guard ¦ file ¦ what is done to it (sed) ¦ the test that must fall
guards() { cat <<'LIST'
The signature ¦ handler/pool/src/token.rs ¦ s/^        fits(key, header, payload, signature)?;// ¦ law forged
RS256 alone ¦ handler/pool/src/token.rs ¦ s/!= Some("RS256")/== Some("none")/ ¦ law forged
Known header members ¦ handler/pool/src/token.rs ¦ s/HEADER_MEMBERS.contains(&name.as_str()) && // ¦ law forged
No member twice ¦ handler/pool/src/strict_json.rs ¦ s/object.insert(name, value).is_some()/object.insert(name, value).is_some() \&\& false/ ¦ law forged
Depth of JSON ¦ handler/pool/src/strict_json.rs ¦ s/left: max_depth }/left: max_depth + 9 }/ ¦ law forged
Our audience ¦ handler/pool/src/token/claims.rs ¦ s/!is_for(&issuer.audience) ||/false ||/ ¦ law forged
Operators' audience ¦ handler/pool/src/token/claims.rs ¦ s/ || issuer.platform_audience.as_deref().is_some_and(is_for)// ¦ law forged
Expiry ¦ handler/pool/src/token/claims.rs ¦ s/now >= expires + LEEWAY_S/now >= expires + 1e9/ ¦ law forged
A day's lifetime ¦ handler/pool/src/token/claims.rs ¦ s/MAX_LIFETIME_S: f64 = 24.0/MAX_LIFETIME_S: f64 = 1e9/ ¦ law forged
Each issuer's own keys ¦ handler/pool/src/token.rs ¦ s/known.issuer.issuer == name/!known.issuer.issuer.is_empty()/ ¦ law forged
The tenants of an issuer ¦ handler/pool/src/token/claims.rs ¦ s/if !issuer.tenants.is_empty() &&/if false \&\&/ ¦ law forged
Strong keys ¦ handler/pool/src/token/jwks.rs ¦ s/const MIN_BITS: usize = 2048/const MIN_BITS: usize = 512/ ¦ unit token
No key id twice ¦ handler/pool/src/token/jwks.rs ¦ s/keys.insert(kid, key).is_some()/keys.insert(kid, key).is_some() \&\& false/ ¦ unit token
Cool-down ¦ handler/pool/src/token/published.rs ¦ s/ && !within(flight.unknown_kid, now, COOL_S)// ¦ unit published
The last good set, for a day ¦ handler/pool/src/token/published.rs ¦ s/(-STEP_S..GOOD_S)/(-STEP_S..i64::MAX)/ ¦ unit published
The discovery document's issuer ¦ handler/pool/src/token/discovery.rs ¦ s/member("issuer") != Some(issuer)/member("issuer").is_none()/ ¦ unit discovery
The discovery document's origin ¦ handler/pool/src/token/discovery.rs ¦ s/uri.origin() != from.origin()/uri.origin().is_empty()/ ¦ unit discovery
Keys by https ¦ handler/pool/src/token/discovery.rs ¦ s/plain.is_some() && !(loopback/plain.is_some() \&\& !(true || loopback/ ¦ unit discovery
Known tokens end with their keys ¦ handler/pool/src/doors/cache.rs ¦ s/ && changes == then// ¦ law doors
The tenant's exact name ¦ handler/pool/src/doors.rs ¦ s/record.filter(.record. record.id == name).and_then/record.and_then/ ¦ law doors
x-tenant-id is compared ¦ handler/pool/src/doors.rs ¦ s/if presented.iter().any(.*{/if presented.len() > 99 {/ ¦ law doors
Suspended tenants ¦ handler/pool/src/doors.rs ¦ s/if tenant.record.status == TenantStatus::Active {/if !tenant.record.id.is_empty() {/ ¦ law doors
Removed tenants ¦ handler/pool/src/doors/cache.rs ¦ s/record.status == TenantStatus::Removed/record.id.is_empty() \&\& record.status == TenantStatus::Removed/ ¦ law a_removed
A stream's token ¦ handler/pool/src/scope.rs ¦ s/self.seconds() >= caller.refused_from/caller.refused_from == 0/ ¦ law runs
A stream's tenant ¦ handler/pool/src/events.rs ¦ s/self.served.still(&self.scope).await?;// ¦ law runs
A form's frame ¦ handler/src/http/files/form.rs ¦ s/self.held.bytes.load(Relaxed) > MAX_FRAME/self.held.bytes.load(Relaxed) == usize::MAX/ ¦ handler form
A tenant's place in the line ¦ handler/pool/src/runs.rs ¦ s/unfinished.len() < MAX_UNFINISHED/unfinished.len() <= MAX_UNFINISHED/ ¦ law bounds
Documents that meet their deletion ¦ handler/pool/src/search/documents.rs ¦ s/busy_until: now + BUSY_S/busy_until: now/ ¦ law search
The seal of a job ¦ handler/pool/src/seal.rs ¦ s/self.mac(purpose, kid, payload)?.verify_slice(&BASE64.decode(mac).ok()?).ok()?;/BASE64.decode(mac).ok()?;/ ¦ law doors
A user's own things ¦ handler/pool/src/scope.rs ¦ s/is_none_or(.only. only == owner)/is_none_or(|_| true)/ ¦ law model
Stores that lie ¦ handler/pool/src/store.rs ¦ s/self.honest(row.tenant == self.tenant.as_str() && row.row.kind == T::KIND && row.row.id == id)?;// ¦ law lies
Indexes that lie ¦ handler/pool/src/search.rs ¦ s/hit.tenant == self.0.tenant().as_str()$/!hit.tenant.is_empty()/ ¦ law lies
Cursors are of their list ¦ handler/pool/src/page.rs ¦ s/cursor.query == fingerprint/!cursor.query.is_empty()/ ¦ law a_cursor
Absent and foreign are alike ¦ handler/pool/src/files.rs ¦ s/if seen { Ok(stored) } else { Err(Error::NotFound) }/if seen { Ok(stored) } else { Err(Error::Stale) }/ ¦ it absent
Tenants are minted by the pool alone ¦ handler/pool/src/tenant.rs ¦ s/pub(crate) fn mint(/pub fn mint(/ ¦ compile what_must
The child's system calls ¦ handler/extract/src/child/confine.rs ¦ s/seccompiler::apply_filter_all_threads(&program).ok()/(!program.is_empty()).then_some(())/ ¦ extract a_confined
No redirects to keys ¦ handler/src/keys.rs ¦ s/redirect::Policy::none()/redirect::Policy::limited(5)/ ¦ handler keys
64 KiB of keys ¦ handler/src/keys.rs ¦ s/document.len() + part.len() > limit/document.len() == usize::MAX/ ¦ handler keys
Two seconds for keys ¦ handler/src/keys.rs ¦ s/const WHOLE: Duration = Duration::from_secs(2)/const WHOLE: Duration = Duration::from_secs(20)/ ¦ handler keys
Events that agree with themselves ¦ handler/src/triggers/event_grid.rs ¦ s/if !plain || url.path()/if !plain \&\& url.path()/ ¦ handler event_grid
Permissions ¦ handler/src/app.rs ¦ s/^        scope.permit(permission)?;/        let _ = permission;/ ¦ it matrix
Triggers are for the host ¦ handler/src/app.rs ¦ s/PROXIED.iter().any/PROXIED[..0].iter().any/ ¦ it triggers::the_worker
The port is on loopback ¦ handler/src/serve.rs ¦ s/bind((Ipv4Addr::LOCALHOST, config.port))/bind((Ipv4Addr::UNSPECIFIED, config.port))/ ¦ it triggers::everything_listens
LIST
}

while IFS= read -r line; do
    guard=${line%% ¦ *} line=${line#* ¦ }
    file=${line%% ¦ *} line=${line#* ¦ }
    change=${line% ¦ *} test=${line##* ¦ }
    suite=${test%% *} only=${test#* }
    cp "$file" "$scratch/was"
    sed -i "$change" "$file"
    if cmp -s "$file" "$scratch/was"; then
        echo "STALE   $guard: the change does not fit $file" && missed=$((missed + 1)) && continue
    fi
    if ! cargo test --locked -q ${!suite} --no-run 2>"$scratch/log"; then
        echo "STALE   $guard: does not compile" && tail -5 "$scratch/log" && missed=$((missed + 1))
    elif cargo test --locked -q ${!suite} -- "$only" >"$scratch/log" 2>&1; then
        echo "MISSED  $guard: no test of \`$test\` falls" && missed=$((missed + 1))
    else
        fallen=$(grep -E '^    [a-z_:]+$' "$scratch/log" | sort -u | head -1 | tr -d ' ')
        echo "held    $guard: $fallen" && held=$((held + 1))
    fi
    cp "$scratch/was" "$file"
done < <(guards | grep -i "${1:-}")
echo "sabotage: $held guards taken away and missed by a test, $missed not"
[ "$missed" = 0 ]
