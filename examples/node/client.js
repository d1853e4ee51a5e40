// A channel to Tollgate with deadlines, retries and TLS, and what a failed call means.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const code = grpc.status;

export const isOurMistake = (error) =>
  [code.INVALID_ARGUMENT, code.NOT_FOUND, code.FAILED_PRECONDITION, code.OUT_OF_RANGE, code.UNIMPLEMENTED].includes(error.code);
export const isCredentialRefused = (error) => [code.UNAUTHENTICATED, code.PERMISSION_DENIED].includes(error.code);

/** The service's client, and the header that says who we are. */
export function connect() {
  const definition = loader.loadSync('tollgate/v1/billing_service.proto', {
    includeDirs: [here('../../proto')],
    defaults: true,
    enums: String,
    longs: String,
    oneofs: true,
  });
  const { BillingService } = grpc.loadPackageDefinition(definition).tollgate.v1;
  const { TOLLGATE_ADDRESS: address = 'localhost:50051', TOLLGATE_CA: ca, TOLLGATE_TOKEN: token } = process.env;
  const client = new BillingService(
    address,
    ca ? grpc.credentials.createSsl(fs.readFileSync(ca)) : grpc.credentials.createInsecure(),
    {
      'grpc.service_config': fs.readFileSync(here('../service_config.json'), 'utf8'),
      'grpc.max_reconnect_backoff_ms': 5_000, // the library's two minutes last long after Tollgate is back
    },
  );
  const header = new grpc.Metadata();
  if (token) header.set('authorization', `Bearer ${token}`);
  return { client, header };
}

// What the header with an error's details holds, of google/rpc/status.proto and error_details.proto.
const details = protobuf.parse(`
  syntax = "proto3";
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message ErrorInfo { string reason = 1; string domain = 2; }`).root;

/** The `ErrorReason` of a failed call, or its code where the service was not reached. */
export function reason(error) {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const found = bytes && details.lookupType('Status').decode(bytes).details;
  const info = found?.find((each) => each.typeUrl.endsWith('/google.rpc.ErrorInfo'));
  return info ? details.lookupType('ErrorInfo').decode(info.value).reason : (grpc.status[error.code] ?? 'UNKNOWN');
}
