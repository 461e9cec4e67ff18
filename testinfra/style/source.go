package style

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
)

// Module is the path in which all our imports begin.
const Module = "github.com/k3sedge/k3sedge"

// File is one parsed Go file.
type File struct {
	Path  string // relative to the module's root, with slashes
	Lines int
	Test  bool
	AST   *ast.File
	Set   *token.FileSet
}

// Dir is the file's folder relative to the module's root.
func (f File) Dir() string { return filepath.ToSlash(filepath.Dir(f.Path)) }

// At gives a position of the file as path:line.
func (f File) At(p token.Pos) string {
	return fmt.Sprintf("%s:%d", f.Path, f.Set.Position(p).Line)
}

// Functions returns the file's functions and methods that have a body.
func (f File) Functions() []*ast.FuncDecl {
	var out []*ast.FuncDecl
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			out = append(out, fn)
		}
	}
	return out
}

// FunctionLines counts from the signature to the closing brace.
func (f File) FunctionLines(fn *ast.FuncDecl) int {
	return f.Set.Position(fn.Body.End()).Line - f.Set.Position(fn.Pos()).Line + 1
}

// Load parses every Go file below root except those in testdata folders and
// nested modules' hidden folders.
func Load(root string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "testdata" || name == "bin" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parse(root, path)
		files = append(files, f)
		return err
	})
	return files, err
}

func parse(root, path string) (File, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return File{}, fmt.Errorf("parse: %w", err)
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return File{}, fmt.Errorf("place %s below %s: %w", path, root, err)
	}
	return File{
		Path:  filepath.ToSlash(rel),
		Lines: set.File(tree.FileStart).LineCount(),
		Test:  strings.HasSuffix(path, "_test.go"),
		AST:   tree,
		Set:   set,
	}, nil
}
