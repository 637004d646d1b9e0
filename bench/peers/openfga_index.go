package main

import (
	"context"
	"slices"
	"strings"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/openfga/openfga/pkg/storage"
)

// indexed is openfga's in-memory store with its tuples in maps, as a database would have them indexed. The store itself
// goes through all of them at every read, which measures the going through more than the deciding. It reads what the
// questions of this program need: tuples of one object and relation, or of one user, without conditions.
type indexed struct {
	storage.OpenFGADatastore
	byObject map[string][]*openfgav1.Tuple // object#relation
	byTuple  map[string]*openfgav1.Tuple   // object#relation@user
	byUser   map[string][]*openfgav1.Tuple // type#relation@user, by object
}

func newIndexed(within storage.OpenFGADatastore, tuples []*openfgav1.TupleKey) *indexed {
	s := &indexed{within, map[string][]*openfgav1.Tuple{}, map[string]*openfgav1.Tuple{}, map[string][]*openfgav1.Tuple{}}
	for _, key := range tuples {
		t := &openfgav1.Tuple{Key: key}
		object := key.GetObject() + "#" + key.GetRelation()
		s.byObject[object] = append(s.byObject[object], t)
		s.byTuple[object+"@"+key.GetUser()] = t
		kind, _, _ := strings.Cut(key.GetObject(), ":")
		user := kind + "#" + key.GetRelation() + "@" + key.GetUser()
		s.byUser[user] = append(s.byUser[user], t)
	}
	for _, list := range s.byUser {
		slices.SortFunc(list, func(a, b *openfgav1.Tuple) int {
			return strings.Compare(a.GetKey().GetObject(), b.GetKey().GetObject())
		})
	}
	return s
}

// Read is of one object and relation.
func (s *indexed) Read(_ context.Context, _ string, f storage.ReadFilter, _ storage.ReadOptions) (storage.TupleIterator, error) {
	if f.User != "" {
		t := s.byTuple[f.Object+"#"+f.Relation+"@"+f.User]
		if t == nil {
			return storage.NewStaticTupleIterator(nil), nil
		}
		return storage.NewStaticTupleIterator([]*openfgav1.Tuple{t}), nil
	}
	return storage.NewStaticTupleIterator(s.byObject[f.Object+"#"+f.Relation]), nil
}

// ReadUserTuple is one tuple.
func (s *indexed) ReadUserTuple(_ context.Context, _ string, f storage.ReadUserTupleFilter, _ storage.ReadUserTupleOptions) (*openfgav1.Tuple, error) {
	if t := s.byTuple[f.Object+"#"+f.Relation+"@"+f.User]; t != nil {
		return t, nil
	}
	return nil, storage.ErrNotFound
}

// ReadUsersetTuples are those whose user is a set of the wanted types.
func (s *indexed) ReadUsersetTuples(_ context.Context, _ string, f storage.ReadUsersetTuplesFilter, _ storage.ReadUsersetTuplesOptions) (storage.TupleIterator, error) {
	var out []*openfgav1.Tuple
	for _, t := range s.byObject[f.Object+"#"+f.Relation] {
		object, relation, set := strings.Cut(t.GetKey().GetUser(), "#")
		kind, _, _ := strings.Cut(object, ":")
		if set && slices.ContainsFunc(f.AllowedUserTypeRestrictions, func(r *openfgav1.RelationReference) bool {
			return r.GetType() == kind && r.GetRelation() == relation
		}) {
			out = append(out, t)
		}
	}
	return storage.NewStaticTupleIterator(out), nil
}

// ReadStartingWithUser are the tuples of users, by object.
func (s *indexed) ReadStartingWithUser(_ context.Context, _ string, f storage.ReadStartingWithUserFilter, _ storage.ReadStartingWithUserOptions) (storage.TupleIterator, error) {
	var out []*openfgav1.Tuple
	for _, u := range f.UserFilter {
		user := u.GetObject()
		if u.GetRelation() != "" {
			user += "#" + u.GetRelation()
		}
		for _, t := range s.byUser[f.ObjectType+"#"+f.Relation+"@"+user] {
			_, id, _ := strings.Cut(t.GetKey().GetObject(), ":")
			if f.ObjectIDs == nil || f.ObjectIDs.Exists(id) {
				out = append(out, t)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *openfgav1.Tuple) int {
		return strings.Compare(a.GetKey().GetObject(), b.GetKey().GetObject())
	})
	return storage.NewStaticTupleIterator(out), nil
}
