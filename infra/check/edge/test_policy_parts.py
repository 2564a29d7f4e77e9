"""Whatever is taken out of the policies, one of the tests of test_policies.py falls."""

from functools import partial

from lxml import etree

import test_policies as policies

ASKED = [
    *(partial(policies.test_a_bad_token_is_401_and_goes_no_further, case) for case in policies.REFUSED),
    policies.test_a_good_token_goes_on_with_the_tenant_of_its_claim,
    policies.test_what_only_the_gateway_says_cannot_be_said_by_a_caller,
    policies.test_public_operations_are_those_of_the_table,
    *(partial(policies.test_what_says_that_it_is_too_large_is_413, operation) for operation in policies.LIMITS),
    policies.test_a_request_id_is_kept_if_it_is_decent_and_told_everywhere,
    *(partial(policies.test_a_fault_of_the_backend_is_a_problem_too, *case) for case in policies.FAULTS_OF_THE_BACKEND),
    policies.test_what_is_no_operation_is_a_problem_too,
    policies.test_streams_are_not_buffered_and_keep_every_rule,
    policies.test_a_claim_that_would_break_a_header_is_no_way_in,
    policies.test_a_tenants_rate_is_its_own,
    policies.test_who_guesses_tokens_is_held_by_address,
]
# What would be so without being said, or does nothing here.
IDLE = {
    "base": "policies of wider scopes are not ours", "policies": "the document itself",
    "issuers": "the discovery document says it as well", "issuer": "the discovery document says it as well",
}  # fmt: skip
IDLE_ATTRIBUTES = {
    "exists-action": "override, by itself", "match": "one value is all", "reason": "words for the eye", "timeout": "the evaluator has no time",
    "remaining-calls-header-name": "not evaluated", "total-calls-header-name": "not evaluated",
}  # fmt: skip


CONTRARY = {"true": "false", "false": "true"}


def without():
    """The policies, each time with one element less, or one attribute, or one that says the contrary."""
    for name, text in (("API", policies.API), ("STREAM", policies.STREAM)):
        for at, each in enumerate(etree.fromstring(text).iter()):
            if not isinstance(each.tag, str) or each.tag in IDLE:
                continue
            for attribute in [None, *(said for said in each.attrib if said not in IDLE_ATTRIBUTES)]:
                root = etree.fromstring(text)
                part = list(root.iter())[at]
                if attribute is None:
                    part.getparent().remove(part)
                elif part.get(attribute) in CONTRARY:
                    part.set(attribute, CONTRARY[part.get(attribute)])
                else:
                    del part.attrib[attribute]
                yield f"{name} {each.sourceline}: <{each.tag}> {attribute or ''}", {name: etree.tostring(root, encoding="unicode")}


def falls(monkeypatch, changed):
    with monkeypatch.context() as patch:
        for name, text in changed.items():
            patch.setattr(policies, name, text)
        for test in ASKED:
            try:
                test()
            except Exception:
                return True
    return False


def test_each_part_of_the_policies_is_needed(monkeypatch):
    tried = dict(without())
    assert len(tried) > 150 and not falls(monkeypatch, {})
    assert [told for told, changed in tried.items() if not falls(monkeypatch, changed)] == []
