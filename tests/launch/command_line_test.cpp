// SPDX-License-Identifier: Apache-2.0
#include "launch/command_line.hpp"

#include "configs/error.hpp"
#include "tests/launch/subcommands.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

namespace {

struct Parsed {
  bool json = false;
  std::string output = "default.h5", kind = "bytes", config;
  std::int64_t steps = 5;
  double rate = 0.5;
  std::vector<std::string> names, overrides;
  bool go_on = false;
  std::string help;
};

CommandLine declare(Parsed& p, Needed config = Needed::no) {
  CommandLine line("ergon probe", "A command for this test");
  line.flag(p.json, "--json", "print JSON");
  line.option(p.output, "-o,--output", "FILE", "where to write");
  line.option(p.steps, "--steps", "N", "how many");
  line.option(p.rate, "--rate", "X", "how fast");
  line.option(p.names, "--name", "NAME", "a name, repeated");
  line.choice(p.kind, "--tokenizer", {"bytes", "sentencepiece"}, "which");
  line.positional(p.config, "CONFIG", "a run file", config);
  line.rest(p.overrides, "KEY=VALUE", "overrides");
  line.footer("Examples:\n  ergon probe run.toml\n");
  return line;
}

Parsed parse(std::vector<const char*> arguments, Needed config = Needed::no) {
  Parsed p;
  CommandLine line = declare(p, config);
  arguments.insert(arguments.begin(), "probe");
  p.go_on = line.parse(static_cast<int>(arguments.size()), arguments.data());
  p.help = line.help();
  return p;
}

std::string refusal(std::vector<const char*> arguments, Needed config = Needed::no) {
  try {
    parse(std::move(arguments), config);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::config);
    return error.what();
  }
  return "not refused";
}

}  // namespace

TEST_CASE("a command line fills its variables and leaves the others alone") {
  Parsed p = parse({"--json", "run.toml", "--steps", "7", "a.b=1", "--rate=-2.5e3", "--name", "x", "--name", "y", "c.d=[1, 2]",
                    "--tokenizer", "sentencepiece"});
  CHECK(p.go_on);
  CHECK(p.json);
  CHECK(p.config == "run.toml");
  CHECK(p.steps == 7);
  CHECK(p.rate == -2500.0);
  CHECK(p.names == std::vector<std::string>{"x", "y"});
  CHECK(p.overrides == std::vector<std::string>{"a.b=1", "c.d=[1, 2]"});
  CHECK(p.kind == "sentencepiece");
  CHECK(p.output == "default.h5");
  CHECK(parse({"-o", "x.h5"}).output == "x.h5");
}

TEST_CASE("a whole number is written with digits or with an exponent, and one that does not fit is told its limit") {
  CHECK(parse({"--steps", "1e6"}).steps == 1'000'000);
  CHECK(parse({"--steps", "2.5e3"}).steps == 2500);
  CHECK(parse({"--steps=-7"}).steps == -7);
  CHECK(parse({"--steps", "9223372036854775807"}).steps == 9223372036854775807);
  const std::string forty_digits(40, '9');
  for (const std::string& large : {std::string("9223372036854775808"), std::string("1e30"), std::string("1e99"), forty_digits})
    CHECK_THAT(refusal({"--steps", large.c_str()}), Catch::StartsWith("--steps takes a whole number of at most 9223372036854775807, not"));
  CHECK_THAT(refusal({"--steps=-1e30"}), Catch::StartsWith("--steps takes a whole number of at least -9223372036854775807, not"));
  for (const char* other : {"4.5", "1e-3", "", "-", "seven", "0x10", "nan", "1e"})
    CHECK_THAT(refusal({"--steps", other}), Catch::StartsWith(fmt::format("--steps takes a whole number, not '{}'", other)));
}

TEST_CASE("values keep their characters: commas, brackets, quotes, equal signs") {
  Parsed p = parse({"r.toml", "data.train=[\"a,b\", \"c d\"]", "run.folder='x=y'", "optimizer.lr=-1"});
  CHECK(p.overrides == std::vector<std::string>{"data.train=[\"a,b\", \"c d\"]", "run.folder='x=y'", "optimizer.lr=-1"});
}

TEST_CASE("every misuse is refused with the way out") {
  CHECK(refusal({"--jsn"}) == "ergon probe: unknown option '--jsn'\n  hint: did you mean '--json'?");
  CHECK(refusal({"--wholly-unlike"}) == "ergon probe: unknown option '--wholly-unlike'\n  hint: ergon probe --help");
  CHECK(refusal({"--stepz=4"}) == "ergon probe: unknown option '--stepz=4'\n  hint: did you mean '--steps'?");
  CHECK(refusal({"--steps", "4.5"}) == "--steps takes a whole number, not '4.5'\n  hint: ergon probe --help");
  CHECK(refusal({"--steps", "1e30"}) ==
        "--steps takes a whole number of at most 9223372036854775807, not '1e30'\n  hint: ergon probe --help");
  CHECK(refusal({"--rate", "fast"}) == "--rate takes a number, not 'fast'\n  hint: ergon probe --help");
  CHECK(refusal({"--tokenizer", "byte"}) == "--tokenizer takes one of bytes|sentencepiece, not 'byte'\n  hint: did you mean 'bytes'?");
  CHECK(refusal({"--steps"}) == "ergon probe: --steps: 1 required N missing\n  hint: ergon probe --help");
  CHECK(refusal({}, Needed::yes) == "ergon probe: CONFIG is required\n  hint: ergon probe --help");
}

TEST_CASE("help names every option, the examples, and goes to stdout") {
  const test::CapturedOutput output;
  CHECK_FALSE(parse({"--help"}).go_on);
  for (const char* part : {"A command for this test", "Usage: ergon probe", "--json", "-o,--output", "--steps", "--rate", "--name",
                           "bytes|sentencepiece", "CONFIG", "KEY=VALUE", "Examples:\n  ergon probe run.toml"}) {
    CHECK_THAT(output.text(), Catch::Contains(part));
  }
}

TEST_CASE("subcommands: one is chosen, an unknown one is refused") {
  std::string output;
  auto run = [&](std::vector<const char*> arguments) -> std::string {
    CommandLine line("ergon data", "Token stores");
    CommandLine& import = line.subcommand("import", "make one");
    import.option(output, "-o,--output", "FILE", "where");
    line.subcommand("inspect", "show one");
    arguments.insert(arguments.begin(), "data");
    try {
      if (!line.parse(static_cast<int>(arguments.size()), arguments.data())) return "help";
    } catch (const Error& error) {
      return error.what();
    }
    return line.chosen() + (import.given("--output") ? " with output" : "");
  };

  CHECK(run({"import", "-o", "x"}) == "import with output");
  CHECK(output == "x");
  CHECK(run({"inspect"}) == "inspect");
  CHECK(run({"inspct"}) == "ergon data: unknown subcommand 'inspct'\n  hint: did you mean 'inspect'?");
  CHECK(run({}) == "ergon data: a subcommand is needed\n  hint: one of: import, inspect");
  CHECK(run({"import", "--outptu", "x"}) == "ergon data import: unknown option '--outptu'\n  hint: did you mean '--output'?");
  CHECK(run({"--output", "inspect"}) ==
        "ergon data: '--output' stands before the subcommand\n  hint: options follow it: ergon data inspect --output");
  CHECK(run({"inspect", "extra"}) == "ergon data inspect: unexpected argument 'extra'\n  hint: ergon data inspect --help");

  const test::CapturedOutput help;
  CHECK(run({"import", "--help"}) == "help");
  CHECK_THAT(help.text(), Catch::Contains("ergon data import") && Catch::Contains("--output"));
}
