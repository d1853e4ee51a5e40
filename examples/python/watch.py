"""Keeps the map of customers by a watch that outlives its connections."""

import os
import random
import signal
import sys
import threading
import time

import grpc
from tollgate.v1 import billing_service_pb2 as api
from tollgate.v1 import watch_pb2

import client
from customers import Customers, show

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


def follow(stub, header, *customers):
    """Keeps the map, and prints every change, until SIGINT or SIGTERM."""
    kept, told, lock = Customers(os.environ.get("TOLLGATE_STATE")), {}, threading.Lock()
    call, heard, silence, pause = None, time.monotonic(), 15.0, FIRST_PAUSE
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))

    def tell():
        for customer in customers:
            for feature in [each.feature for each in kept.defaults.features]:
                answer = kept.answer(customer, feature)
                if answer and told.get((customer, feature)) != show(answer):
                    told[customer, feature] = show(answer)
                    print(f"{customer}: {feature} {show(answer)}", flush=True)

    def every_second():
        while True:
            time.sleep(1)
            with lock:
                tell()  # connected or not, the schedules turn
                if call and time.monotonic() > heard + silence:
                    call.cancel()  # the connection is dead and nobody said so

    threading.Thread(target=every_second, daemon=True).start()
    while True:
        delay = None
        request = api.WatchEntitlementsRequest(filter={"customers": customers}, revision=kept.revision)
        try:
            # No deadline: it stays. It waits for a connection, because grpcio hardly makes one while no call is open.
            call, heard = stub.WatchEntitlements(request, metadata=header, wait_for_ready=True), time.monotonic()
            for frame in call:
                with lock:
                    heard, event = time.monotonic(), frame.WhichOneof("event")
                    if not kept.fold(frame):
                        print("a frame was lost: anew", flush=True)
                        call.cancel()
                        break
                    if event == "opened":
                        print("opened:", "snapshot" if kept.snapshot else "resumed", flush=True)
                        silence = 3 * frame.opened.checkpoint_interval.ToMicroseconds() / 1e6
                    elif event == "checkpoint":
                        pause = FIRST_PAUSE
                        kept.save()
                    elif event == "closing":
                        delay = frame.closing.retry_delay.ToMicroseconds() / 1e6
                        print("closing:", watch_pb2.CloseReason.Name(frame.closing.reason), flush=True)
                    tell()
        except grpc.RpcError as error:
            why = client.reason(error)
            if why in ("INVALID_REVISION", "REVISION_COMPACTED"):
                kept.revision = ""
            elif error.code() in client.OUR_MISTAKE:
                raise
            print("broken:", why, flush=True)
        if delay is None:
            delay, pause = random.uniform(pause / 2, pause), min(2 * pause, LONGEST_PAUSE)
        time.sleep(delay)
