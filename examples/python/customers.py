"""The map of what customers have: filled by a watch's frames, read with a clock."""

import os
import pathlib
import time

from google.protobuf import json_format
from tollgate.v1 import billing_service_pb2 as api
from tollgate.v1 import entitlement_pb2, watch_pb2

Frame = api.WatchEntitlementsResponse


class Customers:
    """The map. With a path it is kept there, as the frames of a snapshot."""

    def __init__(self, path):
        self.path, self.revision, self.skew = path and pathlib.Path(path), "", 0.0
        self.defaults, self.sets = watch_pb2.Defaults(), {}
        if path and self.path.exists():
            for line in self.path.read_text().splitlines():
                self.fold(json_format.Parse(line, Frame()))

    def save(self):
        if not self.path:
            return
        frames = [Frame(opened=watch_pb2.Opened(start=watch_pb2.START_SNAPSHOT)), Frame(defaults=self.defaults)]
        frames += [Frame(customer_entitlements=each) for each in self.sets.values()]
        frames += [Frame(checkpoint=watch_pb2.Checkpoint(), revision=self.revision)]
        new = self.path.with_suffix(".new")
        new.write_text("\n".join(json_format.MessageToJson(each, indent=None) for each in frames))
        os.replace(new, self.path)

    def fold(self, frame):
        """Takes the next frame. False: one before it was lost."""
        event = frame.WhichOneof("event")
        if event == "opened":
            self.snapshot, self.seen = frame.opened.start == watch_pb2.START_SNAPSHOT, set()
            self.position = "" if self.snapshot else self.revision
        if frame.previous_revision != self.position:
            self.revision = ""
            return False
        self.position = frame.revision
        self.revision = self.position or self.revision
        if event == "defaults":
            self.defaults = frame.defaults
        elif event == "customer_entitlements":
            self.sets[frame.customer_entitlements.customer] = frame.customer_entitlements
            self.seen.add(frame.customer_entitlements.customer)
        elif event == "checkpoint" and self.snapshot:
            self.sets = {customer: each for customer, each in self.sets.items() if customer in self.seen}
            self.snapshot = False
        if event in ("opened", "checkpoint") and getattr(frame, event).HasField("evaluate_time"):
            self.skew = getattr(frame, event).evaluate_time.ToMicroseconds() / 1e6 - time.time()
        return True

    def answer(self, customer, feature):
        """What holds now. None: nothing is known, which is not "no"."""
        if customer not in self.sets:
            return None  # who is watched is in the map, if only with an empty set
        now = time.time() + self.skew
        for schedule in [*self.sets[customer].features, *self.defaults.features]:
            if schedule.feature == feature:
                due = [each.answer for each in schedule.changes if each.time.ToMicroseconds() / 1e6 <= now]
                return due[-1] if due else schedule.first
        return None


def show(answer):
    kind = answer.WhichOneof("value")
    value = {"limit": str(answer.limit.amount), "option": answer.option, "text": answer.text}.get(kind, "")
    value = "unlimited" if answer.limit.unlimited else value
    word = "granted" if answer.access == entitlement_pb2.ACCESS_GRANTED else "denied"
    return " ".join(filter(None, [word, value, entitlement_pb2.Reason.Name(answer.reason)]))
