package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	pb "tollgate.example/client/gen/tollgate/v1"
)

const firstPause, longestPause = 500 * time.Millisecond, 15 * time.Second

// watch keeps the map and prints every change. The lock is for what the clock's goroutine shares.
type watch struct {
	sync.Mutex
	kept    *customers
	named   []string
	shown   map[string]string
	heard   time.Time
	silence time.Duration      // that long means a dead connection
	cancel  context.CancelFunc // of the stream
	pause   time.Duration      // before the next try
	told    *time.Duration     // by Closing, instead of the pause
}

// follow goes on until its context ends.
func follow(ctx context.Context, client pb.BillingServiceClient, named []string) error {
	kept, err := load(os.Getenv("TOLLGATE_STATE"))
	if err != nil {
		return err
	}
	w := &watch{kept: kept, named: named, shown: map[string]string{}, silence: 15 * time.Second, pause: firstPause}
	go w.everySecond()
	for {
		err := w.stream(ctx, client)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if why := reason(err); why == "INVALID_REVISION" || why == "REVISION_COMPACTED" {
				kept.revision = ""
			} else if ourMistake(err) {
				return err
			}
			fmt.Println("broken:", reason(err))
		}
		delay := w.pause/2 + rand.N(w.pause/2)
		if w.told != nil {
			delay = *w.told
		} else {
			w.pause = min(2*w.pause, longestPause)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

// stream reads one stream to its end.
func (w *watch) stream(ctx context.Context, client pb.BillingServiceClient) error {
	ctx, cancel := context.WithCancel(ctx) // no deadline: it stays
	defer cancel()
	w.Lock()
	w.heard, w.cancel, w.told = time.Now(), cancel, nil
	w.Unlock()
	stream, err := client.WatchEntitlements(ctx, &pb.WatchEntitlementsRequest{
		Filter: &pb.WatchFilter{Customers: w.named}, Revision: w.kept.revision})
	for err == nil {
		var frame *pb.WatchEntitlementsResponse
		if frame, err = stream.Recv(); err == nil {
			err = w.take(frame)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (w *watch) take(frame *pb.WatchEntitlementsResponse) error {
	w.Lock()
	defer w.Unlock()
	w.heard = time.Now()
	if !w.kept.fold(frame) {
		fmt.Println("a frame was lost: anew")
		return io.EOF
	}
	switch event := frame.Event.(type) {
	case *pb.WatchEntitlementsResponse_Opened:
		word := "resumed"
		if w.kept.snapshot {
			word = "snapshot"
		}
		fmt.Println("opened:", word)
		w.silence = 3 * event.Opened.CheckpointInterval.AsDuration()
	case *pb.WatchEntitlementsResponse_Checkpoint:
		w.pause = firstPause
		if err := w.kept.save(); err != nil {
			return err
		}
	case *pb.WatchEntitlementsResponse_Closing:
		delay := event.Closing.RetryDelay.AsDuration()
		w.told = &delay
		fmt.Println("closing:", event.Closing.Reason)
	}
	w.tell()
	return nil
}

func (w *watch) everySecond() {
	for range time.Tick(time.Second) {
		w.Lock()
		w.tell() // connected or not, the schedules turn
		if w.cancel != nil && time.Since(w.heard) > w.silence {
			w.cancel() // the connection is dead and nobody said so
		}
		w.Unlock()
	}
}

func (w *watch) tell() {
	for _, customer := range w.named {
		for _, schedule := range w.kept.defaults.GetFeatures() {
			line := customer + ": " + schedule.Feature + " "
			if answer := w.kept.answer(customer, schedule.Feature); answer != nil && w.shown[line] != show(answer) {
				w.shown[line] = show(answer)
				fmt.Println(line + show(answer))
			}
		}
	}
}
