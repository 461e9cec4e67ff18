module github.com/Venafi/vcert/v5/pkg/util

go 1.26.0
