"""Background validation: faults are counted by client and rule; no call waits for it or fails because of it."""

from __future__ import annotations

import json
import multiprocessing
import threading
from typing import Any

import pytest

from cds_service.profiles.background import BackgroundValidator, Counts, Fault
from tests.profiles.resources import bundle, condition, observation, patient
from tests.support.waiting import PATIENCE


def counted(*bodies: Any, client: str = "https://ehr.example.org") -> Counts:
    """The counts after validating some bodies."""
    validator = BackgroundValidator()
    validator.submit(
        client, [body if isinstance(body, bytes) else json.dumps(body, default=float).encode() for body in bodies]
    )
    validator.wait()
    return validator.counts()


def test_faults_are_counted_by_client_and_rule() -> None:
    """An invalid status that is sent twice is one fault of the client with a count of two."""
    counts = counted(
        bundle(condition(clinicalStatus={"text": "on"}), condition(id="c2", clinicalStatus={"text": "on"}))
    )
    assert counts.resources == counts.faulty == 2
    fault = Fault("https://ehr.example.org", "Condition", "binding", "Condition.clinicalStatus", 2)
    assert counts.faults == (fault,)


def test_positions_do_not_make_new_faults() -> None:
    """Faults in the first and the second name of a patient count for the same element."""
    counts = counted(patient(name=[{"family": ""}, {"family": ""}]))
    assert [(fault.element, fault.count) for fault in counts.faults] == [("Patient.name.family", 2)]


GOOD_OR_NOTHING: list[Any] = [
    bundle(patient(), observation()),
    b"null",
    {"resourceType": "Bundle", "type": "searchset"},
]


@pytest.mark.parametrize("body", GOOD_OR_NOTHING)
def test_nothing_is_counted_of_good_data(body: Any) -> None:
    """Valid data, null and an empty Bundle break no rule."""
    assert counted(body).faults == ()


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"[1]", b'{"resourceType": 7}', b'{"entry": 7}'])
def test_odd_data_do_not_stop_the_thread(body: bytes) -> None:
    """After malformed data the next data are still validated."""
    assert counted(body, patient(gender="x")).faults[0].count == 1


def test_nothing_of_a_record_is_kept() -> None:
    """Counts contain rules and elements, but no value of the record."""
    name = "Rumpelstilzchen"
    bodies = [patient(gender=name, **{name: 1}), patient(name=[{name: {name: name}}]), {"resourceType": name}]
    assert name not in repr(counted(*bodies))


def test_a_full_queue_passes_over_calls() -> None:
    """Where too much is waiting, a call's data are counted as passed over, and the caller is not held up."""
    go_on = threading.Event()

    class Held(BackgroundValidator):
        def validate_now(self, client: str, body: bytes) -> None:
            go_on.wait(PATIENCE)

    validator = Held()
    for _ in range(80):
        validator.submit("x", [b"null"])
    assert validator.counts().dropped in (15, 16)  # 64 wait, and one may be in the thread's hands
    go_on.set()
    validator.wait()


def test_too_many_bytes_are_passed_over() -> None:
    """Data of a call that exceed the memory limit are dropped and counted as dropped; the next are validated."""
    validator = BackgroundValidator()
    validator.submit("x", [b" " * (65 * 1024 * 1024)])
    validator.submit("x", [json.dumps(patient(gender="x")).encode()])
    validator.wait()
    assert (validator.counts().dropped, validator.counts().faulty) == (1, 1)


def _count_in_child(validator: BackgroundValidator, answer: Any) -> None:
    validator.submit("child", [json.dumps(patient(gender="x")).encode()])
    validator.wait()
    answer.put([fault.client for fault in validator.counts().faults])


def test_a_forked_worker_has_its_own_thread_and_counts() -> None:
    """A worker forked after the first call has its own thread and counts."""
    validator = BackgroundValidator()
    validator.submit("parent", [json.dumps(patient(gender="x")).encode()])
    validator.wait()
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    child = context.Process(target=_count_in_child, args=(validator, answer))
    child.start()
    assert answer.get(timeout=PATIENCE) == ["child"]
    child.join(PATIENCE)
    assert child.exitcode == 0
