"""A channel to Tollgate with deadlines, retries and TLS, and what a failed call means."""

import json
import os
import pathlib

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tollgate.v1 import billing_service_pb2_grpc

CODE = grpc.StatusCode
OUR_MISTAKE = {CODE.INVALID_ARGUMENT, CODE.NOT_FOUND, CODE.FAILED_PRECONDITION, CODE.OUT_OF_RANGE, CODE.UNIMPLEMENTED}
CREDENTIAL_REFUSED = {CODE.UNAUTHENTICATED, CODE.PERMISSION_DENIED}

CONFIG = json.loads(pathlib.Path(__file__).parent.with_name("service_config.json").read_text())
TIMEOUTS = {}
for each in CONFIG["methodConfig"]:  # grpcio cuts a config's timeouts short, by up to two seconds: give them per call
    seconds = float(each.pop("timeout").removesuffix("s"))
    TIMEOUTS |= {name["method"]: seconds for name in each["name"]}


def connect():
    """The service's stub, and the header that says who we are."""
    address, token = os.environ.get("TOLLGATE_ADDRESS", "localhost:50051"), os.environ.get("TOLLGATE_TOKEN")
    options = [
        ("grpc.service_config", json.dumps(CONFIG)),
        ("grpc.max_reconnect_backoff_ms", 5_000),  # the library's two minutes last long after Tollgate is back
    ]
    if ca := os.environ.get("TOLLGATE_CA"):
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(pathlib.Path(ca).read_bytes()), options)
    else:
        channel = grpc.insecure_channel(address, options)
    header = [("authorization", f"Bearer {token}")] if token else []
    return billing_service_pb2_grpc.BillingServiceStub(channel), header


def reason(error):
    """The `ErrorReason` of a failed call, or its code where the service was not reached."""
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    details = status.details if status else []
    return next((info.reason for each in details if each.Unpack(info)), error.code().name)
