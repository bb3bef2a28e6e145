// SPDX-License-Identifier: Apache-2.0
// The command line of one subcommand, declared once: options, positionals, help. The only door to CLI11.
//
//   CommandLine line("ergon flops", "FLOPs of a model, by convention");
//   bool json = false;  std::string config;  std::vector<std::string> overrides;
//   line.flag(json, "--json", "print JSON");
//   line.positional(config, "CONFIG", "a run file, a file with only [model], or a preset", Needed::no);
//   line.rest(overrides, "KEY=VALUE", "keys of the run file");
//   line.footer("Examples:\n  ergon flops gpt2-124m\n");
//   if (!line.parse(argc, argv)) return 0;  // --help was printed on stdout
//
// Invariants: the variables keep their values when their option is not given, and must outlive the CommandLine. Every mistake of the user
// is an Error (ExitCode::config) with a did-you-mean for an unknown option or subcommand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ergon {

enum class Needed { no, yes };

class CommandLine {
 public:
  // command: as a person types it, "ergon data import"; summary: one line.
  CommandLine(const std::string& command, const std::string& summary);
  CommandLine(CommandLine&&) noexcept;
  CommandLine& operator=(CommandLine&&) noexcept;
  ~CommandLine();

  // names: "--json" or "-o,--output". A flag takes no value; a vector option may be given several times.
  void flag(bool& value, const std::string& names, const std::string& help);
  void option(std::string& value, const std::string& names, const std::string& metavar, const std::string& help,
              Needed needed = Needed::no);
  void option(std::int64_t& value, const std::string& names, const std::string& metavar, const std::string& help,
              Needed needed = Needed::no);
  void option(double& value, const std::string& names, const std::string& metavar, const std::string& help, Needed needed = Needed::no);
  void option(std::vector<std::string>& value, const std::string& names, const std::string& metavar, const std::string& help,
              Needed needed = Needed::no);
  // One of `choices`, anything else is refused with the list.
  void choice(std::string& value, const std::string& names, const std::vector<std::string>& choices, const std::string& help);

  // Positionals are filled in the order of declaration; `rest` takes all that remain and is declared last.
  void positional(std::string& value, const std::string& metavar, const std::string& help, Needed needed = Needed::yes);
  void rest(std::vector<std::string>& value, const std::string& metavar, const std::string& help, Needed needed = Needed::no);

  // Examples, tables of keys: printed as they stand after the options.
  void footer(const std::string& text);

  // `ergon data import`: a subcommand of this one. One must then be chosen; chosen() names it after parse. The reference stays valid while
  // this lives.
  CommandLine& subcommand(const std::string& name, const std::string& summary);
  std::string chosen() const;

  // False: help was asked for and printed on stdout; return 0. argv[0] is skipped.
  [[nodiscard]] bool parse(int argc, const char* const* argv);

  // Whether the option of this name ("--json") stood on the line. Only after parse.
  bool given(const std::string& name) const;
  std::string help() const;

 private:
  struct State;
  explicit CommandLine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ergon
