package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Record is a DNS record.
type Record struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
	Proxied bool   `json:"proxied"` // orange: requests go through Cloudflare
	TTL     int    `json:"ttl"`     // 1 is Cloudflare's choice
	Comment string `json:"comment"`

	zone string // the name of the one that it lies in, or is to lie in
}

// String is the record as people read it.
func (r Record) String() string {
	way := "DNS only"
	if r.Proxied {
		way = "proxied"
	}
	return r.Type + " " + r.Content + " (" + way + ")"
}

// same reports whether a record says what another one does, whoever made it.
func (r Record) same(o Record) bool {
	return r.zone == o.zone && r.Name == o.Name && r.Type == o.Type && r.Content == o.Content && r.Proxied == o.Proxied
}

const perPage = 500

var errMoving = errors.New("the records changed faster than they could be read")

// listRecords reads all records of a zone that pass a filter. Where others
// change records between two pages, one may be in none of them; it begins anew then.
func listRecords(ctx context.Context, r Reader, z zone, filter url.Values) ([]Record, error) {
	for range tries {
		out, whole, err := recordPages(ctx, r, z, filter)
		if err != nil {
			return nil, fmt.Errorf("list the records of %s: %w", z.Name, err)
		}
		if whole {
			for i := range out {
				out[i].zone = z.Name
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("list the records of %s: %w", z.Name, errMoving)
}

func recordPages(ctx context.Context, r Reader, z zone, filter url.Values) ([]Record, bool, error) {
	var out []Record
	total := 0
	for number := 1; ; number++ {
		query := url.Values{"per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(number)}}
		for key, values := range filter {
			query[key] = values
		}
		var part []Record
		page, err := r.Read(ctx, z.records("", query), &part)
		if err != nil {
			return nil, false, err
		}
		if number > 1 && page.TotalCount != total {
			return nil, false, nil
		}
		total = page.TotalCount
		out = append(out, part...)
		if number >= page.TotalPages {
			return out, len(out) == total || page.TotalPages == 0, nil
		}
	}
}

// records is a call about the records of the zone, or about one of them.
func (z zone) records(id string, query url.Values) Call {
	path := "/zones/" + z.ID + "/dns_records"
	if id != "" {
		path += "/" + id
	}
	return Call{Path: path, Query: query, Needs: "Zone DNS:Edit on " + z.Name, Account: z.Account.ID}
}

func createRecord(ctx context.Context, api API, z zone, r Record) error {
	k := z.records("", nil)
	k.Method, k.Body = http.MethodPost, r
	if err := api.Write(ctx, k, nil); err != nil {
		return fmt.Errorf("make the record %s %s: %w", r.Name, r, err)
	}
	return nil
}

// changeRecord changes the record with the ID of r, whose type stays.
func changeRecord(ctx context.Context, api API, z zone, r Record) error {
	k := z.records(r.ID, nil)
	r.ID = ""
	k.Method, k.Body = http.MethodPatch, r
	if err := api.Write(ctx, k, nil); err != nil {
		return fmt.Errorf("change the record %s to %s: %w", r.Name, r, err)
	}
	return nil
}

// deleteRecord takes a record away; one that is not there is no error.
func deleteRecord(ctx context.Context, api API, z zone, r Record) error {
	k := z.records(r.ID, nil)
	k.Method = http.MethodDelete
	if err := api.Write(ctx, k, nil); err != nil && !NotFound(err) {
		return fmt.Errorf("delete the record %s %s: %w", r.Name, r, err)
	}
	return nil
}
