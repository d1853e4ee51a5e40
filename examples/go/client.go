package main

import (
	"context"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "tollgate.example/client/gen/tollgate/v1"
)

// connect gives a client with deadlines, retries and TLS, and a context that says who we are.
func connect(ctx context.Context) (context.Context, pb.BillingServiceClient, error) {
	config, err := os.ReadFile("../service_config.json")
	if err != nil {
		return ctx, nil, err
	}
	transport := insecure.NewCredentials()
	if ca := os.Getenv("TOLLGATE_CA"); ca != "" {
		if transport, err = credentials.NewClientTLSFromFile(ca, ""); err != nil {
			return ctx, nil, err
		}
	}
	reconnect := backoff.DefaultConfig
	reconnect.MaxDelay = 5 * time.Second // the library's two minutes last long after Tollgate is back
	address := os.Getenv("TOLLGATE_ADDRESS")
	if address == "" {
		address = "localhost:50051"
	}
	channel, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(string(config)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 5 * time.Second}))
	if err != nil {
		return ctx, nil, err
	}
	if token := os.Getenv("TOLLGATE_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return ctx, pb.NewBillingServiceClient(channel), nil
}

// reason is the ErrorReason of a failed call, or its code where the service was not reached.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return code.Code(status.Code(err)).String()
}

func ourMistake(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return true
	}
	return false
}

func credentialRefused(err error) bool {
	return status.Code(err) == codes.Unauthenticated || status.Code(err) == codes.PermissionDenied
}
