// What a client of ClickHouse in Go (clickhouse-go, which the OpenTelemetry Collector and Grafana use) does over HTTP:
// connect, create, insert, read back, fail. Run against `aftertrace store` by test/harness/record-store-clients.ts, and by hand
// against any server: go run . http://127.0.0.1:8123. `go run . checksums` prints what ClickHouse's checksums have to be.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var methods = []struct {
	name        string
	compression *clickhouse.Compression
}{
	{"none", nil},
	{"lz4", &clickhouse.Compression{Method: clickhouse.CompressionLZ4}},
	{"zstd", &clickhouse.Compression{Method: clickhouse.CompressionZSTD}},
	{"gzip", &clickhouse.Compression{Method: clickhouse.CompressionGZIP, Level: 3}},
	{"br", &clickhouse.Compression{Method: clickhouse.CompressionBrotli, Level: 3}},
}

func main() {
	if os.Args[1] == "checksums" {
		if err := printChecksums(); err != nil {
			panic(err)
		}
		return
	}
	address, err := url.Parse(os.Args[1])
	if err != nil {
		panic(err)
	}
	for _, method := range methods {
		if err := run(address, method.name, method.compression); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", method.name, err)
			os.Exit(1)
		}
		fmt.Printf("%s: ok\n", method.name)
	}
}

type row struct {
	ID       uint64
	At       time.Time
	Name     string
	Service  string
	Parent   *string
	Tags     map[string]string
	Ids      []string
	Numbers  []int32
	Amount   float64
	IsOpen   bool
	Kind     string
	Fixed    string
	Empty    []string
	Nanos    int64
	Pairs    [][]any
	Optional []*string
}

const table = `(
	id UInt64, at DateTime64(9, 'UTC'), name String, service LowCardinality(String), parent Nullable(String),
	tags Map(LowCardinality(String), String), ids Array(LowCardinality(String)), numbers Array(Int32), amount Float64,
	is_open Bool, kind Enum8('client' = 1, 'server' = 2), fixed FixedString(8), empty Array(String), nanos Int64,
	pairs Array(Tuple(name String, count UInt32)), optional Array(Nullable(String))
) ENGINE = MergeTree ORDER BY id`

func expected(id uint64) row {
	r := row{
		ID:       id,
		At:       time.Unix(1700000000, int64(id)*1001).UTC(),
		Name:     fmt.Sprintf("GET /orders/%d", id%10),
		Service:  fmt.Sprintf("service-%d", id%3),
		Tags:     map[string]string{"http.method": "GET", fmt.Sprintf("k%d", id%4): "값"},
		Ids:      []string{"a", fmt.Sprintf("b%d", id%2)},
		Numbers:  []int32{int32(id), -1},
		Amount:   float64(id) / 3,
		IsOpen:   id%2 == 0,
		Kind:     []string{"client", "server"}[id%2],
		Fixed:    "12345678",
		Empty:    []string{},
		Nanos:    -int64(id),
		Pairs:    [][]any{{"x", uint32(id)}},
		Optional: []*string{nil, &[]string{"y"}[0]},
	}
	if id%3 == 0 {
		parent := "parent"
		r.Parent = &parent
	}
	return r
}

const rowCount = 40

func run(address *url.URL, name string, compression *clickhouse.Compression) error {
	password, _ := address.User.Password()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr:        []string{address.Host},
		Protocol:    clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: "default", Username: userOf(address), Password: password},
		Compression: compression,
		Settings:    clickhouse.Settings{"max_execution_time": 60},
		ReadTimeout: time.Minute,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx := context.Background()
	tableName := "clickhouse_go_" + name

	steps := []struct {
		name string
		do   func() error
	}{
		{"ping", func() error { return conn.Ping(ctx) }},
		{"version", func() error { _, err := conn.ServerVersion(); return err }},
		{"drop", func() error { return conn.Exec(ctx, "DROP TABLE IF EXISTS "+tableName) }},
		{"create", func() error { return conn.Exec(ctx, "CREATE TABLE "+tableName+table) }},
		{"insert", func() error { return insert(ctx, conn, tableName) }},
		{"read", func() error { return read(ctx, conn, tableName) }},
		{"parameters", func() error { return parameters(ctx, conn, tableName) }},
		{"nothing", func() error { return nothing(ctx, conn, tableName) }},
		{"large", func() error { return large(ctx, conn) }},
		{"unknown table", func() error { return fails(ctx, conn, "SELECT * FROM no_such_table", 60) }},
		{"syntax", func() error { return fails(ctx, conn, "SELECT 1 FROM", 62) }},
		{"fails on the way", func() error {
			return fails(ctx, conn, "SELECT number, throwIf(number = 3000000) FROM numbers(4000000)", 395)
		}},
		{"drop again", func() error { return conn.Exec(ctx, "DROP TABLE "+tableName) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func userOf(address *url.URL) string {
	if user := address.User.Username(); user != "" {
		return user
	}
	return "default"
}

func insert(ctx context.Context, conn driver.Conn, tableName string) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+tableName)
	if err != nil {
		return err
	}
	for id := uint64(0); id < rowCount; id++ {
		r := expected(id)
		pairs := make([]any, len(r.Pairs))
		for i, pair := range r.Pairs {
			pairs[i] = pair
		}
		if err := batch.Append(r.ID, r.At, r.Name, r.Service, r.Parent, r.Tags, r.Ids, r.Numbers, r.Amount, r.IsOpen,
			r.Kind, r.Fixed, r.Empty, r.Nanos, pairs, r.Optional); err != nil {
			return err
		}
	}
	return batch.Send()
}

func read(ctx context.Context, conn driver.Conn, tableName string) error {
	rows, err := conn.Query(ctx, "SELECT * FROM "+tableName+" ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	id := uint64(0)
	for ; rows.Next(); id++ {
		var r row
		var pairs []map[string]any
		if err := rows.Scan(&r.ID, &r.At, &r.Name, &r.Service, &r.Parent, &r.Tags, &r.Ids, &r.Numbers, &r.Amount,
			&r.IsOpen, &r.Kind, &r.Fixed, &r.Empty, &r.Nanos, &pairs, &r.Optional); err != nil {
			return err
		}
		for _, pair := range pairs {
			r.Pairs = append(r.Pairs, []any{pair["name"], pair["count"]})
		}
		r.At = r.At.UTC()
		if want := expected(id); !reflect.DeepEqual(r, want) {
			return fmt.Errorf("row %d: got %+v, want %+v", id, r, want)
		}
	}
	if id != rowCount {
		return fmt.Errorf("got %d rows, want %d", id, rowCount)
	}
	return rows.Err()
}

func parameters(ctx context.Context, conn driver.Conn, tableName string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"service": "service-1", "least": "10", "text": "it's \\ a 값",
	}))
	var count uint64
	var text string
	query := "SELECT count(), {text:String} FROM " + tableName + " WHERE service = {service:String} AND id >= {least:UInt64}"
	if err := conn.QueryRow(ctx, query).Scan(&count, &text); err != nil {
		return err
	}
	if count != 10 {
		return fmt.Errorf("got %d rows, %q", count, text)
	}
	return nil
}

func nothing(ctx context.Context, conn driver.Conn, tableName string) error {
	rows, err := conn.Query(ctx, "SELECT * FROM "+tableName+" WHERE id > 1000000")
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		return errors.New("there is a row")
	}
	return rows.Err()
}

func large(ctx context.Context, conn driver.Conn) error {
	rows, err := conn.Query(ctx, "SELECT number, toString(number) FROM numbers(300000)")
	if err != nil {
		return err
	}
	defer rows.Close()
	var sum, number uint64
	var text string
	for rows.Next() {
		if err := rows.Scan(&number, &text); err != nil {
			return err
		}
		if text != fmt.Sprint(number) {
			return fmt.Errorf("%d is %q", number, text)
		}
		sum += number
	}
	if sum != 300000*(300000-1)/2 {
		return fmt.Errorf("the sum is %d", sum)
	}
	return rows.Err()
}

func fails(ctx context.Context, conn driver.Conn, query string, code int32) error {
	rows, err := conn.Query(ctx, query)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		rows.Close()
	}
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) {
		return fmt.Errorf("got %v, want an exception of code %d", err, code)
	}
	if exception.Code != code {
		return fmt.Errorf("got code %d (%w), want %d", exception.Code, err, code)
	}
	return nil
}
