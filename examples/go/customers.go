package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "tollgate.example/client/gen/tollgate/v1"
)

// customers is the map of what customers have, kept by a watch and read with a clock.
type customers struct {
	path, revision, position string
	defaults                 *pb.Defaults
	sets                     map[string]*pb.CustomerEntitlements
	seen                     map[string]bool
	snapshot                 bool
	skew                     time.Duration // the service's clock, seen from ours
}

// load gives the map that was saved at path, as the frames of a snapshot; an empty one where there is none.
func load(path string) (*customers, error) {
	c := &customers{path: path, sets: map[string]*pb.CustomerEntitlements{}}
	text, err := os.ReadFile(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	for line := range bytes.Lines(text) {
		frame := &pb.WatchEntitlementsResponse{}
		if err = errors.Join(err, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(line, frame)); err != nil {
			break
		}
		c.fold(frame)
	}
	return c, err
}

func (c *customers) save() error {
	if c.path == "" {
		return nil
	}
	opened := &pb.Opened{Start: pb.Start_START_SNAPSHOT}
	frames := []*pb.WatchEntitlementsResponse{
		{Event: &pb.WatchEntitlementsResponse_Opened{Opened: opened}},
		{Event: &pb.WatchEntitlementsResponse_Defaults{Defaults: c.defaults}},
	}
	for _, set := range c.sets {
		frames = append(frames, &pb.WatchEntitlementsResponse{
			Event: &pb.WatchEntitlementsResponse_CustomerEntitlements{CustomerEntitlements: set}})
	}
	last := &pb.WatchEntitlementsResponse_Checkpoint{Checkpoint: &pb.Checkpoint{}}
	frames = append(frames, &pb.WatchEntitlementsResponse{Event: last, Revision: c.revision})
	var text []byte
	for _, frame := range frames {
		text = append(append(text, protojson.MarshalOptions{}.Format(frame)...), '\n')
	}
	return errors.Join(os.WriteFile(c.path+".new", text, 0o600), os.Rename(c.path+".new", c.path))
}

// fold takes the next frame; false: one before it was lost.
func (c *customers) fold(frame *pb.WatchEntitlementsResponse) bool {
	if opened := frame.GetOpened(); opened != nil {
		c.snapshot, c.seen, c.position = opened.Start == pb.Start_START_SNAPSHOT, map[string]bool{}, c.revision
		if c.snapshot {
			c.position = ""
		}
		c.correct(opened.EvaluateTime)
	}
	if frame.PreviousRevision != c.position {
		c.revision = ""
		return false
	}
	c.position = frame.Revision
	if c.position != "" {
		c.revision = c.position
	}
	switch event := frame.Event.(type) {
	case *pb.WatchEntitlementsResponse_Defaults:
		c.defaults = event.Defaults
	case *pb.WatchEntitlementsResponse_CustomerEntitlements:
		c.sets[event.CustomerEntitlements.Customer] = event.CustomerEntitlements
		c.seen[event.CustomerEntitlements.Customer] = true
	case *pb.WatchEntitlementsResponse_Checkpoint:
		for customer := range c.sets {
			if c.snapshot && !c.seen[customer] {
				delete(c.sets, customer)
			}
		}
		c.snapshot = false
		c.correct(event.Checkpoint.EvaluateTime)
	}
	return true
}

func (c *customers) correct(now *timestamppb.Timestamp) {
	if now != nil {
		c.skew = time.Until(now.AsTime())
	}
}

// answer is what holds now; nil: nothing is known, which is not "no".
func (c *customers) answer(customer, feature string) *pb.Answer {
	set, watched := c.sets[customer]
	if !watched {
		return nil // who is watched is in the map, if only with an empty set
	}
	now := time.Now().Add(c.skew)
	for _, schedule := range slices.Concat(set.Features, c.defaults.GetFeatures()) {
		if schedule.Feature == feature {
			answer := schedule.First
			for _, change := range schedule.Changes {
				if !change.Time.AsTime().After(now) {
					answer = change.Answer
				}
			}
			return answer
		}
	}
	return nil
}

func show(answer *pb.Answer) string {
	text := "denied "
	if answer.Access == pb.Access_ACCESS_GRANTED {
		text = "granted "
	}
	switch value := answer.Value.(type) {
	case *pb.Answer_Limit:
		if text += strconv.FormatInt(value.Limit.Amount, 10) + " "; value.Limit.Unlimited {
			text = "granted unlimited "
		}
	case *pb.Answer_Option:
		text += value.Option + " "
	case *pb.Answer_Text:
		text += value.Text + " "
	}
	return text + answer.Reason.String()
}
