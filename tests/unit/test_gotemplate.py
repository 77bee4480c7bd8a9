"""The template evaluator, case by case against Go's text/template and Docker's functions."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship import gotemplate
from boxship.gotemplate import (
    NIL_MAP,
    NIL_POINTER,
    NIL_SLICE,
    Map,
    Struct,
    TemplateError,
)
from boxship.gotemplate.documents import from_json
from boxship.gotemplate.printf import sprintf

DATA: dict[str, object] = {
    "Name": "web",
    "Empty": "",
    "Zero": 0,
    "Count": 17,
    "Ratio": 2.5,
    "Big": 1000000.0,
    "True": True,
    "False": False,
    "Null": None,
    "List": ["a", "b", "c"],
    "Numbers": [3, 1, 2],
    "None": [],
    "Mixed": ["x", 1, None, True],
    "Nested": {"B": 2, "A": {"C": "deep"}},
    "Labels": Map({"b": "2", "a": "1"}),
    "State": Struct({"Status": "running", "Pid": 42}),
    "Ports": NIL_MAP,
    "Cmd": NIL_SLICE,
    "Health": NIL_POINTER,
    "Label": lambda name: f"<{name}>",
    "Now": lambda: "now",
    "Html": "<a href=\"x\">'&'</a>",
}

RENDERS = [
    # text, trimming, comments
    ("plain", "plain"),
    ("", ""),
    ("a {{.Name}} b", "a web b"),
    ("a {{- .Name -}} b", "awebb"),
    ("a \n {{- /* comment */ -}} \t b", "ab"),
    ("a{{/* comment */}}b", "ab"),
    ("{{- .Name}}  ", "web  "),
    ("{{\n.Name\n}}", "web"),
    ("{{3 -}} x", "3x"),
    ("{{-3}}", "-3"),
    # printing
    ("{{.Count}} {{.Ratio}} {{.Big}}", "17 2.5 1e+06"),
    ("{{.True}} {{.False}}", "true false"),
    ("{{.Null}}", "<no value>"),
    ("{{.List}}", "[a b c]"),
    ("{{.None}}", "[]"),
    ("{{.Mixed}}", "[x 1 <nil> true]"),
    ("{{.Nested}}", "map[A:map[C:deep] B:2]"),
    ("{{.Labels}}", "map[a:1 b:2]"),
    ("{{.State}}", "{running 42}"),
    ("{{.Ports}} {{.Cmd}} {{.Health}}", "map[] [] <nil>"),
    # fields, methods, chains, variables
    ("{{.Nested.A.C}}", "deep"),
    ("{{(.Nested).A.C}}", "deep"),
    ('{{.Now}} {{.Label "x"}}', "now <x>"),
    ('{{"x" | .Label}}', "<x>"),
    ("{{.Labels.a}}{{.Labels.zz}}", "1<no value>"),
    ("{{$x := .Name}}{{$x}}", "web"),
    ("{{$x := .Nested}}{{$x.A.C}}", "deep"),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
    ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
    ("{{with $y := .Name}}{{$y}}{{end}}", "web"),
    # literals
    ('{{"a\\tb\\u00e9"}} {{`r\\aw`}}', "a\tbé r\\aw"),
    (
        "{{'a'}} {{'\\n'}} {{0x1F}} {{017}} {{0b11}} {{1_000}} {{1e3}} {{1.5}} {{-2}}",
        "97 10 31 15 3 1000 1000 1.5 -2",
    ),
    ("{{true}} {{false}}", "true false"),
    # if, with
    ("{{if .Name}}y{{else}}n{{end}}", "y"),
    ("{{if .Empty}}y{{else}}n{{end}}", "n"),
    ("{{if .Null}}y{{else}}n{{end}}{{if .None}}y{{else}}n{{end}}", "nn"),
    ("{{if .Zero}}0{{else if .False}}f{{else if .Count}}c{{else}}e{{end}}", "c"),
    ("{{if .State}}s{{end}}{{if .Health}}h{{end}}{{if .Ports}}p{{end}}", "s"),
    ("{{with .Nested}}{{.B}}{{end}}", "2"),
    ("{{with .Empty}}x{{else}}{{.Name}}{{end}}", "web"),
    ("{{with .Empty}}x{{else with .Nested}}{{.B}}{{end}}", "2"),
    # range
    ("{{range .List}}<{{.}}>{{end}}", "<a><b><c>"),
    ("{{range $e := .List}}{{$e}}{{$.Name}}{{end}}", "awebbwebcweb"),
    ("{{range $i, $e := .List}}{{$i}}{{$e}}{{end}}", "0a1b2c"),
    ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"),
    ("{{range .None}}x{{else}}none{{end}}", "none"),
    ("{{range .Null}}x{{else}}none{{end}}{{range .Ports}}x{{end}}", "none"),
    ("{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}", "01201"),
    ('{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"),
    ('{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"),
    ("{{range .List}}{{range $.Numbers}}{{.}}{{break}}{{end}}{{end}}", "333"),
    ('{{$last := ""}}{{range .List}}{{$last = .}}{{end}}{{$last}}', "c"),
    # templates
    ('{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}{{template "t"}}', "[web][<no value>]"),
    ('{{block "b" .Name}}({{.}}){{end}}', "(web)"),
    ('{{template "late" .}}{{define "late"}}{{.Name}}{{end}}', "web"),
    # functions: Docker's
    ("{{json .Nested}}", '{"B":2,"A":{"C":"deep"}}'),
    ("{{json .Mixed}}{{json .Labels}}", '["x",1,null,true]{"a":"1","b":"2"}'),
    ("{{json .Html}}", '"<a href=\\"x\\">\'&\'</a>"'),
    ("{{json .Ports}} {{json .Ratio}} {{json .Big}}", "null 2.5 1000000"),
    ("{{json .State}}", '{"Status":"running","Pid":42}'),
    ('{{join .List ", "}}', "a, b, c"),
    ('{{join .Cmd "x"}}|', "|"),
    ('{{split "a:b:c" ":"}} {{len (split "a:b" ":")}} {{split "ab" ""}}', "[a b c] 2 [a b]"),
    ('{{lower "ABC"}} {{upper "abc"}} {{title "hello big world"}}', "abc ABC Hello Big World"),
    ('{{.Name | upper | printf "%s!"}}', "WEB!"),
    ('[{{pad .Name 1 2}}] [{{pad "" 3 3}}]', "[ web  ] []"),
    ('{{truncate "container" 4}} {{truncate "ab" 4}}', "cont ab"),
    # functions: Go's
    ('{{len .Name}} {{len .List}} {{len .Labels}} {{len "é"}} {{len .Ports}}', "3 3 2 2 0"),
    ('{{index .List 1}} {{index .Labels "a"}}|{{index .Labels "zz"}}|', "b 1||"),
    ('{{index .Nested "A" "C"}} {{index .Nested "zz"}} {{index "abc" 1}}', "deep <no value> 98"),
    ("{{(index .List 0) | upper}}", "A"),
    (
        '{{slice .List 1}} {{slice .List 1 2}} {{slice "hello" 1 3}} {{slice .Name}}',
        "[b c] [b] el web",
    ),
    (
        '{{eq .Name "web"}} {{eq .Count 1 2 17}} {{ne .Count 17}} {{eq .Null nil}}',
        "true true false true",
    ),
    (
        '{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 2}} {{lt "a" "b"}} {{gt 2.5 1.5}}',
        "true true false true true true",
    ),
    ('{{and 1 0 .Missing}} {{or 0 "x" .Missing}} {{and 1 2}} {{or 0 ""}}|{{not 0}}', "0 x 2 |true"),
    ("{{0 | or 0}} {{1 | and 1}}", "0 1"),
    ('{{print "a" 1 2 "b" 3 "c"}} {{print 1 2}} {{print}}', "a1 2b3c 1 2 "),
    ('{{println "a" 1}}', "a 1\n"),
    ("{{html .Html}}", "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;"),
    ('{{js "it\'s <b>"}}', "it\\'s \\u003Cb\\u003E"),
    ('{{urlquery "a b&c/d"}}', "a+b%26c%2Fd"),
    # printf
    ('{{printf "%s-%d-%v-%q" .Name .Count .True .Name}}', 'web-17-true-"web"'),
    (
        '{{printf "[%5s|%-5s|%5d|%-5d|%05d|%+d|% d]" "ab" "ab" 7 7 7 7 7}}',
        "[   ab|ab   |    7|7    |00007|+7| 7]",
    ),
    (
        '{{printf "%.2f %8.3f %e %g %G %06.1f" 3.14159 2.5 1500.0 1500000.0 1e-7 -2.5}}',
        "3.14    2.500 1.500000e+03 1.5e+06 1E-07 -002.5",
    ),
    (
        '{{printf "%x %X %#x %o %b %c %U %#o %O" 255 255 255 8 5 65 233 8 8}}',
        "ff FF 0xff 10 101 A U+00E9 010 0o10",
    ),
    ('{{printf "%x %X % x" "hi" "hi" "hi"}}', "6869 6869 68 69"),
    ('{{printf "%.2s %.3d %*d %-*d|" "hello" 7 4 1 3 2}}', "he 007    1 2  |"),
    (
        '{{printf "%t %v %T %T %T" true .List .Name .Count .Ratio}}',
        "true [a b c] string int float64",
    ),
    ('{{printf "%q %q %#q" .List \'x\' "raw"}}', '["a" "b" "c"] \'x\' `raw`'),
    ('{{printf "%[2]s %[1]s" "a" "b"}}', "b a"),
    ('{{printf "%+v %#v %v" .State .Name .State}}', '{Status:running Pid:42} "web" {running 42}'),
    ('{{printf "%#v" .List}}', '[]interface {}{"a", "b", "c"}'),
    ('{{printf "%d%%" 5}}', "5%"),
    (
        '{{printf "%d" "x"}} {{printf "%s" 5}} {{printf "%z" 5}}',
        "%!d(string=x) %!s(int=5) %!z(int=5)",
    ),
    (
        '{{printf "%d %d" 1}} {{printf "%d" 1 "x"}} {{printf "%"}}',
        "1 %!d(MISSING) 1%!(EXTRA string=x) %!(NOVERB)",
    ),
    ('{{printf "%[5]d" 1}} {{printf "%*d" "x" 1}}', "%!d(BADINDEX) %!(BADWIDTH)1"),
    ('{{printf "%v %s" nil .Null}}', "<nil> %!s(<nil>)"),
    # what people use
    ("{{range $p, $conf := .Nested}}{{$p}} {{end}}", "A B "),
    ('{{range .Numbers}}{{printf "%02d " .}}{{end}}', "03 01 02 "),
    ("{{with .Nested}}{{with .A}}{{.C}}{{end}}{{end}}", "deep"),
    ("{{if and .Name (gt .Count 10) (not .False)}}ok{{end}}", "ok"),
    ('{{if or (eq .Name "x") (eq .Name "web")}}ok{{end}}', "ok"),
]


@pytest.mark.parametrize(("text", "expected"), RENDERS)
def test_renders(text: str, expected: str) -> None:
    assert gotemplate.compile(text).render(DATA) == expected


PARSE_ERRORS = [
    ("{{.Name", ":1: unclosed action"),
    ("{{.Name}", ':1: unexpected "}" in operand'),
    ("{{", ":1: unclosed action"),
    ("{{}}", ":1: missing value for command"),
    ("{{if}}x{{end}}", ":1: missing value for if"),
    ("{{if .A}}x", ":1: unexpected EOF"),
    ("{{end}}", ":1: unexpected {{end}}"),
    ("{{else}}", ":1: unexpected {{else}}"),
    ("{{if .A}}{{else}}{{else}}{{end}}", ":1: expected end; found {{else}}"),
    ("\n\n{{nope .A}}", ':3: function "nope" not defined'),
    ("{{$x}}", ':1: undefined variable "$x"'),
    ("{{if $x := .A}}{{end}}{{$x}}", ':1: undefined variable "$x"'),
    ("{{.A-b}}", ":1: bad character U+002D '-'"),
    ('{{"abc}}', ":1: unterminated quoted string"),
    ("{{`abc}}", ":1: unterminated raw quoted string"),
    ("{{'abc}}", ":1: unterminated character constant"),
    ("{{'abc'}}", ":1: malformed character constant: 'abc'"),
    ("{{(.A}}", ":1: unclosed left paren"),
    ("{{.A)}}", ":1: unexpected right paren"),
    ("{{/* x }}", ":1: unclosed comment"),
    ("{{/* x */ y}}", ":1: comment ends before closing delimiter"),
    ("{{.A | }}", ":1: missing value for command"),
    ("{{.A | 3}}", ":1: non executable command in pipeline stage 2"),
    ("{{3.x4}}", ':1: bad number syntax: "3.x4"'),
    ("{{$x, $y := .A}}", ":1: too many declarations in command"),
    ("{{break}}", ":1: {{break}} outside {{range}}"),
    ("{{template .A}}", ':1: unexpected ".A" in template clause'),
    ('{{define "x"}}', ":1: unexpected EOF"),
    ('{{define "x"}}a{{end}}{{define "x"}}b{{end}}',
     ':1: template: multiple definition of template "x"'),
    ('{{"\\z"}}', ":1: invalid syntax"),
    ("{{range .A}}{{else if .B}}{{end}}", ":1: unexpected <if> in input"),
    ("{{.A := 3}}", ':1: unexpected ":=" in operand'),
    ("{{true.x}}", ':1: unexpected . after term "true"'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), PARSE_ERRORS)
def test_parse_errors_in_gos_words(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        gotemplate.compile(text)
    assert caught.value.message == f"template parsing error: template: {message}"


RUN_ERRORS = [
    ("{{.Foo}}", ':1:2: executing "" at <.Foo>: map has no entry for key "Foo"'),
    ("{{.Nested.Foo}}", ':1:9: executing "" at <.Nested.Foo>: map has no entry for key "Foo"'),
    ("é{{.Foo}}", ':1:4: executing "" at <.Foo>: map has no entry for key "Foo"'),
    ("\n {{.Foo}}", ':2:3: executing "" at <.Foo>: map has no entry for key "Foo"'),
    ("{{.Name.X}}", ":1:7: executing \"\" at <.Name.X>: can't evaluate field X in type string"),
    ("{{.Null.X}}", ':1:7: executing "" at <.Null.X>: nil pointer evaluating interface {}.X'),
    ("{{.Labels.a.b}}",
     ":1:9: executing \"\" at <.Labels.a.b>: can't evaluate field b in type string"),
    ("{{.Labels.zz.b}}",
     ':1:9: executing "" at <.Labels.zz.b>: nil data; no entry for key "b"'),
    ("{{.Name 1}}", ':1:2: executing "" at <.Name>: Name is not a method but has arguments'),
    ("{{.Label}}", ':1:2: executing "" at <.Label>: wrong number of args for Label: want 1 got 0'),
    ("{{join .List}}", ':1:2: executing "" at <join>: wrong number of args for join: want 2 got 1'),
    ("{{index}}",
     ':1:2: executing "" at <index>: wrong number of args for index: want at least 1 got 0'),
    ("{{lower .Count}}",
     ':1:8: executing "" at <.Count>: wrong type for value; expected string; got int'),
    ("{{lower 3}}", ':1:8: executing "" at <3>: expected string; found 3'),
    ("{{truncate .Name \"x\"}}", ':1:17: executing "" at <"x">: expected integer; found "x"'),
    ("{{lower .Null}}", ':1:8: executing "" at <.Null>: invalid value; expected string'),
    ("{{lower nil}}", ':1:8: executing "" at <nil>: cannot assign nil to string'),
    ("{{join .Mixed \",\"}}",
     ':1:7: executing "" at <.Mixed>: wrong type for value; expected []string; got []interface {}'),
    ("{{index .List 9}}",
     ':1:2: executing "" at <index>: error calling index: index out of range: 9'),
    ("{{index .Count 1}}",
     ":1:2: executing \"\" at <index>: error calling index: can't index item of type int"),
    ("{{len 3}}", ':1:2: executing "" at <len>: error calling len: len of type int'),
    ("{{eq 1 \"x\"}}",
     ':1:2: executing "" at <eq>: error calling eq: incompatible types for comparison'),
    ("{{lt .List 1}}",
     ':1:2: executing "" at <lt>: error calling lt: invalid type for comparison'),
    ("{{range .Name}}{{end}}",
     ":1:8: executing \"\" at <.Name>: range can't iterate over web"),
    ("{{3 4}}", ":1:2: executing \"\" at <3>: can't give argument to non-function 3"),
    ("{{nil}}", ':1:2: executing "" at <nil>: nil is not a command'),
    ('{{template "no"}}',
     ':1:11: executing "" at <{{template "no"}}>: template "no" not defined'),
    ('{{define "r"}}{{template "r" .}}{{end}}{{template "r" .}}',
     ':1:25: executing "r" at <{{template "r" .}}>: exceeded maximum template depth (100)'),
    ("{{slice .List 2 1}}",
     ':1:2: executing "" at <slice>: error calling slice: invalid slice index: 2 > 1'),
    ("{{call .Name}}",
     ':1:2: executing "" at <call>: error calling call: non-function web of type string'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), RUN_ERRORS)
def test_execution_errors_in_gos_words(text: str, message: str) -> None:
    template = gotemplate.compile(text)
    with pytest.raises(TemplateError) as caught:
        template.render(DATA)
    assert caught.value.message == f"template parsing error: template: {message}"


def test_lenient_rendering_prints_no_value() -> None:
    template = gotemplate.compile("{{.Foo}} {{.Foo.Bar}}")
    assert template.render({}, strict=False) == "<no value> <no value>"


def test_a_context_is_named_in_errors() -> None:
    class Context(dict[str, object]):
        go_type = "*formatter.ContainerContext"

    with pytest.raises(TemplateError) as caught:
        gotemplate.compile("{{.Foo}}").render(Context(ID="1"))
    assert caught.value.message.endswith(
        "at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext"
    )
    data = Context(ID="1", Label=lambda name: name)
    assert gotemplate.compile("{{json .}}").render(data) == '{"ID":"1"}'


def test_headers_keep_their_titles() -> None:
    text = '{{upper .Name}}\t{{join .Ports ","}}\t{{pad .ID 1 1}}{{json .ID}}'
    template = gotemplate.compile(text)
    titles = {"Name": "Names", "Ports": "Ports", "ID": "Id"}
    assert template.render(titles, header=True) == "Names\tPorts\t Id Id"


INSPECTED = from_json(
    {
        "Config": {"Labels": {"a": "1"}, "Cmd": None, "Volumes": None},
        "State": {"Status": "running", "Health": None},
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "90/tcp": None},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{index .Config.Labels "a"}}|{{index .Config.Labels "no"}}|', "1||"),
        ("{{.Config.Labels.no}}", "<no value>"),
        ("{{.Config.Cmd}} {{.Config.Volumes}} {{.State.Health}}", "[] map[] <nil>"),
        ('{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"),
        ("{{range $p, $c := .Ports}}{{$p}}{{range $c}} -> {{.HostPort}}{{end}};{{end}}",
         "80/tcp -> 8080;90/tcp;"),
    ],
)  # fmt: skip
def test_documents_of_the_api(text: str, expected: str) -> None:
    assert gotemplate.compile(text).render(INSPECTED) == expected


def test_a_document_keeps_its_json() -> None:
    shown = '{"Labels":{"a":"1"},"Cmd":null,"Volumes":null}'
    assert gotemplate.compile("{{json .Config}}").render(INSPECTED) == shown


def test_a_struct_of_a_document_is_strict() -> None:
    with pytest.raises(TemplateError, match='map has no entry for key "No"'):
        gotemplate.compile("{{.State.No}}").render(INSPECTED)


def test_a_template_can_be_rendered_again() -> None:
    template = gotemplate.compile("{{$x := .A}}{{$x}}")
    assert [template.render({"A": value}) for value in (1, 2)] == ["1", "2"]


@given(st.text(alphabet="{}.-$ ()|\"'`aifend/*:=,3\n", max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(TemplateError):
        gotemplate.compile(text).render(DATA)


@given(st.text(), st.lists(st.one_of(st.integers(), st.text(), st.floats(), st.none()), max_size=4))
def test_printf_takes_any_format(text: str, args: list[object]) -> None:
    assert isinstance(sprintf(text, args), str)
