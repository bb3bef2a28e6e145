// SPDX-License-Identifier: Apache-2.0
// `ergon law list|show|predict|compare`: scaling laws, published ones and law files.
#include <iostream>
#include <string>
#include <vector>

#include "accounting/scaling/law_file.hpp"
#include "accounting/scaling/law_report.hpp"
#include "configs/error.hpp"
#include "configs/units.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"

namespace ergon {
namespace {

struct LawArguments {
  std::string name, parameters, tokens, unique_tokens, budget;  // numbers as typed
  std::vector<std::string> laws;
  double level = 0.8;
  bool json = false;
};

double above_zero(const std::string& text, const char* option, Flops (*parse)(const std::string&), const char* hint) {
  try {
    const Flops value = parse(text);
    if (value.value > 0) return to_double(value);
  } catch (const Error& error) {
    throw Error(error.problem(), option, hint);
  }
  throw Error(fmt::format("{} is not above 0", text), option, hint);
}

double count(const std::string& text, const char* option) {
  return above_zero(text, option, parse_decimal, "a whole number above 0: 7000000000 or 7e9");
}

void require_level(double level) {
  if (!(level > 0 && level < 1)) throw Error(fmt::format("{} is no level of an interval", level), "--level", "above 0 and below 1: 0.8");
}

ScalingLaw law_of(const std::string& name, const char* where) {
  try {
    return find_law(name);
  } catch (const Error& error) {
    throw Error(error.problem(), error.where().empty() ? where : error.where(), error.hint());
  }
}

// Those named, commas between them or several options; without names the published ones that give an optimum.
std::vector<ScalingLaw> laws_of(const std::vector<std::string>& words) {
  std::vector<ScalingLaw> laws;
  for (const std::string& word : words) {
    for (std::size_t start = 0; start <= word.size();) {
      const std::size_t stop = std::min(word.find(',', start), word.size());
      const std::string name = word.substr(start, stop - start);
      laws.push_back(law_of(name, "--laws"));
      for (std::size_t i = 0; i + 1 < laws.size(); ++i)
        if (laws[i].name == laws.back().name)
          throw Error(fmt::format("two laws are called '{}'", laws.back().name), "--laws",
                      "name each law once; a file is called as its name without .toml");
      start = stop + 1;
    }
  }
  if (!words.empty()) return laws;
  for (const ScalingLaw& law : published_laws())
    if (law.loss_law || law.allocation) laws.push_back(law);
  return laws;
}

std::string predicted(const CommandLine& line, const LawArguments& arguments) {
  const Allocation at = {count(arguments.parameters, "--params"), count(arguments.tokens, "--tokens")};
  std::optional<double> unique_tokens;
  if (line.given("--unique-tokens")) unique_tokens = count(arguments.unique_tokens, "--unique-tokens");
  require_level(arguments.level);
  const LawPrediction prediction = predict_by_law(law_of(arguments.name, "NAME"), at, unique_tokens, arguments.level);
  return arguments.json ? law_predict_json(prediction) : law_predict_text(prediction);
}

std::string compared(const LawArguments& arguments) {
  const double flops = above_zero(arguments.budget, "--budget", parse_flops, "FLOPs or petaflop/s-days: 1e21 or \"10 pfs-days\"");
  require_level(arguments.level);
  const LawComparison comparison = compare_laws(laws_of(arguments.laws), flops, arguments.level);
  return arguments.json ? law_compare_json(comparison) : law_compare_text(comparison);
}

std::string shown(const LawArguments& arguments) {
  require_level(arguments.level);
  const ScalingLaw law = law_of(arguments.name, "NAME");
  return arguments.json ? law_show_json(law, arguments.level) : law_show_text(law, arguments.level);
}

}  // namespace

int command_law(int argc, char** argv) {
  LawArguments arguments;
  const char *name_help = "a published law (ergon law list) or the path of a law file", *level_help = "of the intervals (default: 0.8)";
  CommandLine line("ergon law", "scaling laws: the published ones and law files of ergon fit");
  CommandLine& list = line.subcommand("list", "the laws that Ergon brings");
  list.flag(arguments.json, "--json", "print JSON, schema ergon.law_list.v1");
  CommandLine& show = line.subcommand("show", "one law: coefficients, domain, source, known traps");
  show.positional(arguments.name, "NAME", name_help);
  show.option(arguments.level, "--level", "X", level_help);
  show.flag(arguments.json, "--json", "print JSON, schema ergon.law_show.v1");
  CommandLine& predict = line.subcommand("predict", "the loss of N parameters trained on D tokens");
  predict.positional(arguments.name, "NAME", name_help);
  predict.option(arguments.parameters, "--params", "N", "parameters as the law counts them, 7e9 for instance", Needed::yes);
  predict.option(arguments.tokens, "--tokens", "D", "tokens trained on, 1.4e12 for instance", Needed::yes);
  predict.option(arguments.unique_tokens, "--unique-tokens", "U", "distinct ones among them (default: all)");
  predict.option(arguments.level, "--level", "X", level_help);
  predict.flag(arguments.json, "--json", "print JSON, schema ergon.law_predict.v1");
  CommandLine& compare = line.subcommand("compare", "the optimum of a budget by every law, side by side");
  compare.option(arguments.budget, "--budget", "C", "FLOPs, or \"10 pfs-days\"", Needed::yes);
  compare.option(arguments.laws, "--laws", "NAME", "laws or files, commas between them (default: all with an optimum)");
  compare.option(arguments.level, "--level", "X", level_help);
  compare.flag(arguments.json, "--json", "print JSON, schema ergon.law_compare.v1");
  line.footer(
      "Examples:\n  ergon law show besiroglu\n  ergon law predict besiroglu --params 70e9 --tokens 1.4e12\n  ergon law predict muennighoff "
      "--params 6.34e9 --tokens 242e9 --unique-tokens 25e9\n  ergon law compare --budget 5.76e23 --laws besiroglu,hoffmann-3\n");
  if (!line.parse(argc, argv)) return 0;
  const std::string chosen = line.chosen();
  if (chosen == "list") std::cout << (arguments.json ? law_list_json(published_laws()) : law_list_text(published_laws()));
  if (chosen == "show") std::cout << shown(arguments);
  if (chosen == "predict") std::cout << predicted(predict, arguments);
  if (chosen == "compare") std::cout << compared(arguments);
  std::cout << std::flush;
  return 0;
}

}  // namespace ergon
