/* SPDX-License-Identifier: BSD-3-Clause */
/* KEY=VALUE into arguments, by a schema: client/arguments.h, client/schema.h. */
#include "unit.h"

#include "client/arguments.h"

static const char schema_text[] =
    "[{'name':'add','meta-type':'command','arg-type':'1','ret-type':'0'},"
    " {'name':'1','meta-type':'object','tag':'kind','members':["
    "   {'name':'kind','type':'2'},{'name':'id','type':'str'}],"
    "  'variants':[{'case':'mem','type':'3'},{'case':'sock','type':'4'}]},"
    " {'name':'2','meta-type':'enum','values':['mem','sock']},"
    " {'name':'3','meta-type':'object','members':["
    "   {'name':'size','type':'int'},{'name':'share','type':'bool'},"
    "   {'name':'nodes','type':'[int]'},{'name':'rules','type':'[5]'},"
    "   {'name':'any','type':'any'},{'name':'alt','type':'6'},"
    "   {'name':'names','type':'[str]'},{'name':'self','type':'3'}]},"
    " {'name':'4','meta-type':'object','members':[{'name':'size','type':'str'}]},"
    " {'name':'5','meta-type':'object','members':[{'name':'match','type':'str'}]},"
    " {'name':'6','meta-type':'alternate','members':[{'type':'str'},{'type':'null'},{'type':'3'}]},"
    " {'name':'[5]','meta-type':'array','element-type':'5'},"
    " {'name':'[int]','meta-type':'array','element-type':'int'},"
    " {'name':'[str]','meta-type':'array','element-type':'str'},"
    " {'name':'int','meta-type':'builtin','json-type':'int'},"
    " {'name':'bool','meta-type':'builtin','json-type':'boolean'},"
    " {'name':'null','meta-type':'builtin','json-type':'null'},"
    " {'name':'any','meta-type':'builtin','json-type':'value'},"
    " {'name':'str','meta-type':'builtin','json-type':'string'}]";

/* The arguments of `add` from @texts (blank-separated) as JSON, or the error. */
static char *convert(const char *schema_json, const char *texts)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    __attribute__((cleanup(schema_freep))) Schema *schema = NULL;
    __attribute__((cleanup(arguments_freep))) Arguments *a = arguments_new();
    g_auto(GStrv) parts = g_strsplit(texts, " ", -1);

    schema = schema_json ? schema_new(unit_json(schema_json), JSON_ROOT) : NULL;
    w = json_writer_new(false);
    for (char **part = parts; *part; part++) {
        if (!arguments_add(a, *part, &err)) {
            return g_strconcat("! ", qom_error_message(err), NULL);
        }
    }
    if (!arguments_write(a, schema, schema_arguments(schema, "add"), w, &err)) {
        return g_strconcat("! ", qom_error_message(err), NULL);
    }
    return json_writer_steal(w, NULL);
}

static void expect(const char *schema_json, const char *texts, const char *want)
{
    g_autofree char *got = convert(schema_json, texts);
    assert_string_equal(got, want);
}

static void values_have_the_types_of_the_branch(void **state)
{
    expect(schema_text, "kind=mem id=7 size=1k share=on",
           "{\"kind\": \"mem\", \"id\": \"7\", \"size\": 1024, \"share\": true}");
    expect(schema_text, "kind=sock size=1k", "{\"kind\": \"sock\", \"size\": \"1k\"}");
}

static void the_tag_may_come_behind_the_members_of_its_branch(void **state)
{
    expect(schema_text, "size=1k kind=mem", "{\"size\": 1024, \"kind\": \"mem\"}");
}

static void lists_come_from_ranges_and_repeated_keys(void **state)
{
    expect(schema_text, "kind=mem nodes=0-2 nodes=8",
           "{\"kind\": \"mem\", \"nodes\": [0, 1, 2, 8]}");
    expect(schema_text, "kind=mem nodes=[4]", "{\"kind\": \"mem\", \"nodes\": [4]}");
    expect(schema_text, "kind=mem names=a,b names=c",
           "{\"kind\": \"mem\", \"names\": [\"a,b\", \"c\"]}");
}

static void dots_lead_into_objects_and_lists(void **state)
{
    expect(schema_text, "kind=mem rules.1.match=b rules.0.match=1",
           "{\"kind\": \"mem\", \"rules\": [{\"match\": \"1\"}, {\"match\": \"b\"}]}");
    expect(schema_text, "kind=mem self.self.size=1 rules=[{\"match\":\"x\"}]",
           "{\"kind\": \"mem\", \"self\": {\"self\": {\"size\": 1}}, "
           "\"rules\": [{\"match\": \"x\"}]}");
    expect(schema_text, "kind=mem rules={\"match\":\"x\"}",
           "{\"kind\": \"mem\", \"rules\": [{\"match\": \"x\"}]}");
}

static void alternates_take_what_fits(void **state)
{
    expect(schema_text, "kind=mem alt=null", "{\"kind\": \"mem\", \"alt\": null}");
    expect(schema_text, "kind=mem alt=7", "{\"kind\": \"mem\", \"alt\": \"7\"}");
    expect(schema_text, "kind=mem alt.size=7", "{\"kind\": \"mem\", \"alt\": {\"size\": 7}}");
}

static void what_the_schema_does_not_know_is_guessed(void **state)
{
    expect(schema_text, "kind=mem bogus=1 any=x any2.0=true any2.1=y",
           "{\"kind\": \"mem\", \"bogus\": 1, \"any\": \"x\", \"any2\": [true, \"y\"]}");
    expect(NULL, "a.b=1 c=d", "{\"a\": {\"b\": 1}, \"c\": \"d\"}");
}

static void errors_name_the_key(void **state)
{
    expect(schema_text, "kind=mem size=x", "! 'size' expects an integer or a size, not 'x'");
    expect(schema_text, "kind=mem size=1 size=2",
           "! 'size' is given more than once, but is no list");
    expect(schema_text, "kind=mem rules.1.match=b", "! 'rules' is a list, but it has no 'rules.0'");
    expect(schema_text, "kind=mem size.x=1", "! 'size' is a value, it has no members");
    expect(schema_text, "self=x", "{\"self\": \"x\"}"); /* no branch is chosen: unknown */
    expect(schema_text, "kind=mem self=x", "! 'self' 'x': JSON parse error, invalid keyword 'x'");
    expect(schema_text, "a=1 a.b=2", "! 'a' has a value, so it can't have 'a.b'");
    expect(schema_text, "a.b=1 a=2", "! 'a' has members, so it can't have a value");
    expect(schema_text, "a..b=1", "! key 'a..b' has an empty part");
    expect(schema_text, "=1", "! expected KEY=VALUE, not '=1'");
    expect(schema_text, "x", "! expected KEY=VALUE, not 'x'");
}

static void a_hostile_schema_does_no_harm(void **state)
{
    expect("{}", "a=1", "{\"a\": 1}");
    expect("[1,null,[],{'name':7},{'name':'add'}]", "a=1", "{\"a\": 1}");
    expect("[{'name':'add','meta-type':'command','arg-type':'add'}]", "a.b=1",
           "{\"a\": {\"b\": 1}}");
    expect("[{'name':'add','meta-type':'command','arg-type':'o'},"
           "{'name':'o','meta-type':'object','tag':'k','members':[3,{'name':'l','type':'l'}],"
           "'variants':[{'case':'x','type':'o'},{}]},"
           "{'name':'l','meta-type':'array','element-type':'l'}]",
           "k=x l.0.0.0=1", "! 'l.0.0.0' expects a JSON array, not '1'");
    expect("[{'name':'add','meta-type':'command','arg-type':'a'},"
           "{'name':'a','meta-type':'object','members':[{'name':'x','type':'t'}]},"
           "{'name':'t','meta-type':'alternate','members':[{'type':'t'}]}]",
           "x.y=1 x.z=2", "{\"x\": {\"y\": 1, \"z\": 2}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_types_of_the_branch),
        cmocka_unit_test(the_tag_may_come_behind_the_members_of_its_branch),
        cmocka_unit_test(lists_come_from_ranges_and_repeated_keys),
        cmocka_unit_test(dots_lead_into_objects_and_lists),
        cmocka_unit_test(alternates_take_what_fits),
        cmocka_unit_test(what_the_schema_does_not_know_is_guessed),
        cmocka_unit_test(errors_name_the_key),
        cmocka_unit_test(a_hostile_schema_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
