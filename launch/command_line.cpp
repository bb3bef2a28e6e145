// SPDX-License-Identifier: Apache-2.0
#include "launch/command_line.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <limits>
#include <map>
#include <optional>

#include "configs/decimal.hpp"
#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"

namespace ergon {

struct CommandLine::State {
  std::string command;
  CLI::App* app = nullptr;
  std::unique_ptr<CLI::App> owned;  // the outermost command owns its App, a subcommand's belongs to its parent
  std::map<std::string, std::unique_ptr<CommandLine>> subcommands;

  std::string help_hint() const { return fmt::format("{} --help", command); }
};

namespace {

// CLI11 takes no '=' in a positional's name: it is declared as KEY and shown as KEY=VALUE.
class ShowsAssignments : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, positional);
    return positional && name == "KEY" ? "KEY=VALUE" : name;
  }
};

std::string declared_name(const std::string& metavar) { return metavar == "KEY=VALUE" ? "KEY" : metavar; }

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

double number(const std::string& text, const std::string& names, const std::string& help_hint) {
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    throw Error(fmt::format("{} takes a number, not '{}'", names, text), "", help_hint);
  return value;
}

// 1000000 or 1e6. A number that is whole and does not fit is told so: that it is no whole number would be untrue.
std::int64_t whole_number(const std::string& text, const std::string& names, const std::string& help_hint) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const bool negative = text.starts_with('-');
  const std::string digits = text.substr(negative ? 1 : 0);
  const std::optional<Decimal> read = read_decimal(digits);
  const std::optional<unsigned __int128> value = read ? whole(*read) : std::nullopt;
  if (value && *value <= static_cast<unsigned __int128>(most))
    return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
  const bool is_whole = read ? read->exponent >= 0 : !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  const std::string kind =
      is_whole ? fmt::format("a whole number of {} {}", negative ? "at least" : "at most", negative ? -most : most) : "a whole number";
  throw Error(fmt::format("{} takes {}, not '{}'", names, kind, text), "", help_hint);
}

CLI::Option* describe(CLI::Option* option, const std::string& metavar, Needed needed) {
  option->required(needed == Needed::yes);
  option->type_name(metavar);
  return option;
}

}  // namespace

CommandLine::CommandLine(const std::string& command, const std::string& summary) : state_(std::make_unique<State>()) {
  state_->command = command;
  state_->owned = std::make_unique<CLI::App>(summary, command);
  state_->app = state_->owned.get();
  state_->app->allow_extras();
  state_->app->formatter(std::make_shared<ShowsAssignments>());
}

CommandLine::CommandLine(std::unique_ptr<State> state) : state_(std::move(state)) {}
CommandLine::CommandLine(CommandLine&&) noexcept = default;
CommandLine& CommandLine::operator=(CommandLine&&) noexcept = default;
CommandLine::~CommandLine() = default;

void CommandLine::flag(bool& value, const std::string& names, const std::string& help) {
  state_->app->add_flag(names, value, help)->disable_flag_override();
}

void CommandLine::option(std::string& value, const std::string& names, const std::string& metavar, const std::string& help, Needed needed) {
  describe(state_->app->add_option_function<std::string>(
               names, [&value](const std::string& text) { value = text; }, help),
           metavar, needed);
}

void CommandLine::option(std::int64_t& value, const std::string& names, const std::string& metavar, const std::string& help,
                         Needed needed) {
  auto read = [&value, names, hint = state_->help_hint()](const std::string& text) { value = whole_number(text, names, hint); };
  describe(state_->app->add_option_function<std::string>(names, read, help), metavar, needed);
}

void CommandLine::option(double& value, const std::string& names, const std::string& metavar, const std::string& help, Needed needed) {
  auto read = [&value, names, hint = state_->help_hint()](const std::string& text) { value = number(text, names, hint); };
  describe(state_->app->add_option_function<std::string>(names, read, help), metavar, needed);
}

void CommandLine::option(std::vector<std::string>& value, const std::string& names, const std::string& metavar, const std::string& help,
                         Needed needed) {
  CLI::Option* option = state_->app->add_option(names, value, help);
  describe(option, metavar, needed)->allow_extra_args(false);
}

void CommandLine::choice(std::string& value, const std::string& names, const std::vector<std::string>& choices, const std::string& help) {
  std::string listed = fmt::format("{}", fmt::join(choices, "|"));
  auto read = [&value, names, choices, listed, hint = state_->help_hint()](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end())
      throw Error(fmt::format("{} takes one of {}, not '{}'", names, listed, text), "", did_you_mean(text, choices, hint));
    value = text;
  };
  describe(state_->app->add_option_function<std::string>(names, read, help), listed, Needed::no);
}

void CommandLine::positional(std::string& value, const std::string& metavar, const std::string& help, Needed needed) {
  state_->app->add_option(declared_name(metavar), value, help)->required(needed == Needed::yes)->type_name("");
}

void CommandLine::rest(std::vector<std::string>& value, const std::string& metavar, const std::string& help, Needed needed) {
  state_->app->add_option(declared_name(metavar), value, help)->required(needed == Needed::yes)->type_name("")->expected(-1);
}

void CommandLine::footer(const std::string& text) { state_->app->footer(text); }

CommandLine& CommandLine::subcommand(const std::string& name, const std::string& summary) {
  auto state = std::make_unique<State>();
  state->command = state_->command + " " + name;
  state->app = state_->app->add_subcommand(name, summary);
  state->app->allow_extras();
  auto& slot = state_->subcommands[name];
  slot.reset(new CommandLine(std::move(state)));
  return *slot;
}

std::string CommandLine::chosen() const {
  for (const auto& [name, line] : state_->subcommands)
    if (line->state_->app->parsed()) return name;
  return "";
}

bool CommandLine::parse(int argc, const char* const* argv) {
  try {
    state_->app->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << state_->app->help() << std::flush;
    return false;
  } catch (const CLI::ParseError& error) {
    throw Error(error.what(), state_->command, state_->help_hint());
  }

  const CommandLine* line = this;
  if (std::string name = chosen(); !name.empty()) {
    line = state_->subcommands.at(name).get();
    if (const std::vector<std::string> early = state_->app->remaining(); !early.empty())
      throw Error(fmt::format("'{}' stands before the subcommand", early.front()), state_->command,
                  fmt::format("options follow it: {} {}", line->state_->command, early.front()));
  }
  std::vector<std::string> extras = line->state_->app->remaining();
  std::vector<std::string> known = option_names(*line->state_->app);
  for (const auto& [name, sub] : line->state_->subcommands) known.push_back(name);
  if (!extras.empty()) {
    const std::string& extra = extras.front();
    bool is_option = extra.size() > 1 && extra[0] == '-';
    std::string what =
        line->state_->subcommands.empty() || is_option ? (is_option ? "unknown option" : "unexpected argument") : "unknown subcommand";
    throw Error(fmt::format("{} '{}'", what, extra), line->state_->command,
                did_you_mean(extra.substr(0, extra.find('=')), known, line->state_->help_hint()));
  }
  if (line == this && !state_->subcommands.empty()) {
    std::vector<std::string> names;
    for (const auto& [name, sub] : state_->subcommands) names.push_back(name);
    throw Error("a subcommand is needed", state_->command, fmt::format("one of: {}", fmt::join(names, ", ")));
  }
  return true;
}

bool CommandLine::given(const std::string& name) const { return state_->app->count(name) > 0; }
std::string CommandLine::help() const { return state_->app->help(); }

}  // namespace ergon
