// Sells with Tollgate, asks it, follows it. README.md has the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	pb "tollgate.example/client/gen/tollgate/v1"
)

const usage = "checkout CUSTOMER LOOKUP_KEY QUANTITY REQUEST_ID | check CUSTOMER FEATURE [AMOUNT] | watch CUSTOMER…"

var (
	// declared says who is let through when Tollgate is not heard and nothing is known of the customer. Decide it
	// before the outage.
	declared  = map[string]bool{"seats": true, "sso": true, "support": true, "audit_report": false}
	errDenied = errors.New("denied")
)

func checkout(ctx context.Context, client pb.BillingServiceClient, customer, lookupKey, quantity, requestID string) error {
	units, err := strconv.ParseInt(quantity, 10, 64)
	if err != nil {
		return err
	}
	answer, err := client.CreateCheckout(ctx, &pb.CreateCheckoutRequest{
		Customer:   customer,
		RequestId:  requestID, // keep it with the order: however often it is retried, it is one checkout
		LineItems:  []*pb.LineItem{{Price: &pb.LineItem_LookupKey{LookupKey: lookupKey}, Quantity: &units}},
		SuccessUrl: "https://shop.example/back?checkout={CHECKOUT_SESSION_ID}",
	})
	if err == nil {
		fmt.Println(answer.Checkout.Url)
	}
	return err
}

func check(ctx context.Context, client pb.BillingServiceClient, customer, feature, amount string) error {
	wanted, err := strconv.ParseInt(amount, 10, 64)
	if err != nil {
		return err
	}
	request := &pb.CheckEntitlementRequest{Customer: customer, Feature: feature, RequiredAmount: wanted}
	answer, err := client.CheckEntitlement(ctx, request) // its deadline is in service_config.json
	if ourMistake(err) {
		return err
	}
	allowed, text := answer.GetAllowed(), fmt.Sprintf("%v (asked)", answer.GetEntitlement().GetReason())
	if err != nil {
		// An outage and no customer's fault: what was known last stands, else what was declared.
		if credentialRefused(err) {
			fmt.Fprintln(os.Stderr, "ALARM: Tollgate refuses our credential:", reason(err))
		}
		customers, broken := load(os.Getenv("TOLLGATE_STATE"))
		if broken != nil {
			return broken
		}
		if known := customers.answer(customer, feature); known != nil {
			limit, limited := known.Value.(*pb.Answer_Limit)
			enough := !limited || limit.Limit.Unlimited || limit.Limit.Amount >= wanted
			allowed = known.Access == pb.Access_ACCESS_GRANTED && enough
			text = fmt.Sprintf("%v (last known: %s)", known.Reason, reason(err))
		} else {
			allowed, text = declared[feature], fmt.Sprintf("(declared: %s)", reason(err))
		}
	}
	if !allowed {
		fmt.Println("no:", text)
		return errDenied
	}
	fmt.Println("yes:", text)
	return nil
}

func run(arguments []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, client, err := connect(ctx)
	if err != nil {
		return err
	}
	switch given := append(arguments, "0"); {
	case len(arguments) == 5 && arguments[0] == "checkout":
		return checkout(ctx, client, given[1], given[2], given[3], given[4])
	case (len(arguments) == 3 || len(arguments) == 4) && arguments[0] == "check":
		return check(ctx, client, given[1], given[2], given[3])
	case len(arguments) > 1 && arguments[0] == "watch":
		return follow(ctx, client, arguments[1:])
	}
	fmt.Fprintln(os.Stderr, usage)
	os.Exit(64)
	return nil
}

func main() {
	switch err := run(os.Args[1:]); {
	case errors.Is(err, errDenied):
		os.Exit(3)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", reason(err), err)
		os.Exit(1)
	}
}
