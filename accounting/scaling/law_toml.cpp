// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_toml.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "accounting/scaling/law_keys.hpp"
#include "accounting/scaling/law_samples.hpp"
#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "configs/toml.hpp"

namespace ergon {
namespace {

constexpr const char* law_schema = "ergon.law.v1";
constexpr const char* hyperparameter_names[] = {"learning_rate", "batch_tokens"};

// ---- writing

std::string number_text(double number) {
  ERGON_CHECK(std::isfinite(number), "a law holds {}", number);
  return toml_number(number);
}
std::string line(const char* key, double number) { return fmt::format("{} = {}\n", key, number_text(number)); }
std::string line(const char* key, const std::string& text) { return fmt::format("{} = {}\n", key, toml_text(text)); }
std::string line(const char* key, double first, double second) {
  return fmt::format("{} = [{}, {}]\n", key, number_text(first), number_text(second));
}
std::string line(const char* key, const std::optional<Bounds>& bounds) { return bounds ? line(key, bounds->low, bounds->high) : ""; }
std::string line(const char* key, const PowerLaw& law) { return line(key, law.coefficient, law.exponent); }

std::string head_toml(const ScalingLaw& law) {
  std::string text = line("schema", std::string(law_schema)) + line("title", law.title) + line("source", law.source) + "traps = [\n";
  for (const std::string& trap : law.traps) text += fmt::format("  {},\n", toml_text(trap));
  text += "]\n";
  if (!law.samples_note.empty()) text += line("samples_note", law.samples_note);
  const LawDefinitions& counts = law.definitions;
  text += "\n[definitions]\n" + line("parameters", counts.parameters) + line("compute", counts.compute) + line("loss", counts.loss) +
          line("data_set", counts.data_set) + line("tokenizer", counts.tokenizer);
  const LawDomain& domain = law.domain;
  if (domain.parameters || domain.tokens || domain.flops)
    text += "\n[domain]\n" + line("parameters", domain.parameters) + line("tokens", domain.tokens) + line("flops", domain.flops);
  return text;
}

std::string forms_toml(const ScalingLaw& law) {
  std::string text;
  if (const auto& form = law.loss_law)
    text +=
        "\n[loss]\n" + line("E", form->e) + line("A", form->a) + line("B", form->b) + line("alpha", form->alpha) + line("beta", form->beta);
  if (const auto& form = law.joint_law)
    text += "\n[joint_loss]\n" + line("N_c", form->n_c) + line("D_c", form->d_c) + line("alpha_N", form->alpha_n) +
            line("alpha_D", form->alpha_d);
  if (law.frontier_loss) text += "\n[frontier]\n" + line("loss", *law.frontier_loss);
  if (const auto& form = law.allocation) {
    text += "\n[allocation]\n" + line(form->parameters_are_flops_per_token ? "flops_per_token" : "parameters", form->parameters);
    if (form->printed_tokens) text += line("printed_tokens", *form->printed_tokens);
  }
  if (const auto& form = law.repetition)
    text += "\n[repetition]\n" + line("data_half_life", form->data_half_life) + line("parameter_half_life", form->parameter_half_life);
  for (const HyperparameterLaw& form : law.hyperparameters)
    text += fmt::format("\n[hyperparameters.{}]\n", form.of) + line("coefficient", form.coefficient) + line("n_exponent", form.n_exponent) +
            line("d_exponent", form.d_exponent) + line("c_exponent", form.c_exponent) + line("log_n", form.log_n) + line("note", form.note);
  return text;
}

// ---- reading

PowerLaw read_power(LawKeys& keys, const std::string& key) {
  const Bounds pair = keys.pair(key, "[coefficient, exponent]");
  if (!(pair.low > 0)) keys.refuse(key, "takes a coefficient above 0");
  return {pair.low, pair.high};
}

std::optional<Bounds> read_bounds(LawKeys& keys, const std::string& key) {
  if (!keys.has(key)) return std::nullopt;
  const Bounds bounds = keys.pair(key, "[low, high]");
  if (!(bounds.low > 0 && bounds.low <= bounds.high)) keys.refuse(key, "takes [low, high], both above 0, the lower first");
  return bounds;
}

void read_head(LawKeys& keys, ScalingLaw& law) {
  if (keys.text("schema") != law_schema)
    keys.refuse("schema", fmt::format("is not {}, the only one that this version of Ergon reads", law_schema));
  law.title = keys.text("title");
  law.source = keys.text("source");
  law.traps = keys.texts("traps");
  if (keys.has("samples_note")) law.samples_note = keys.text("samples_note");
  law.definitions = {keys.text("definitions.parameters"), keys.text("definitions.compute"), keys.text("definitions.loss"),
                     keys.text("definitions.data_set"), keys.text("definitions.tokenizer")};
  law.domain = {read_bounds(keys, "domain.parameters"), read_bounds(keys, "domain.tokens"), read_bounds(keys, "domain.flops")};
}

void read_forms(LawKeys& keys, ScalingLaw& law) {
  if (keys.has_section("loss"))
    law.loss_law = {keys.at_least_zero("loss.E"), keys.above_zero("loss.A"), keys.above_zero("loss.B"), keys.above_zero("loss.alpha"),
                    keys.above_zero("loss.beta")};
  if (keys.has_section("joint_loss"))
    law.joint_law = {keys.above_zero("joint_loss.N_c"), keys.above_zero("joint_loss.D_c"), keys.above_zero("joint_loss.alpha_N"),
                     keys.above_zero("joint_loss.alpha_D")};
  if (keys.has_section("frontier")) law.frontier_loss = read_power(keys, "frontier.loss");
  if (keys.has_section("allocation")) {
    const bool flops = keys.has("allocation.flops_per_token");
    const std::string key = flops ? "allocation.flops_per_token" : "allocation.parameters";
    law.allocation = {read_power(keys, key), std::nullopt, flops};
    if (!(law.allocation->parameters.exponent > 0)) keys.refuse(key, "takes an exponent above 0: N grows with C");
    if (keys.has("allocation.printed_tokens")) law.allocation->printed_tokens = read_power(keys, "allocation.printed_tokens");
  }
  if (keys.has_section("repetition")) {
    if (!law.loss_law) keys.refuse("repetition.data_half_life", "needs a [loss], whose N and D it changes");
    law.repetition = {keys.above_zero("repetition.data_half_life"), keys.above_zero("repetition.parameter_half_life")};
  }
  for (const char* name : hyperparameter_names) {
    const std::string section = fmt::format("hyperparameters.{}", name);
    if (!keys.has_section(section)) continue;
    const auto number = [&](const char* key) { return keys.number(section + "." + key); };
    law.hyperparameters.push_back({name, number("coefficient"), number("n_exponent"), number("d_exponent"), number("c_exponent"),
                                   keys.text(section + ".note"), number("log_n")});
  }
}

void read_fit(LawKeys& keys, ScalingLaw& law) {
  if (!keys.has_section("fit")) return;
  LawFit fit;
  if (law.loss_law || keys.has("fit.huber_delta")) {
    fit.huber_delta = keys.above_zero("fit.huber_delta");
    fit.seed = static_cast<std::uint64_t>(keys.integer("fit.seed", 0));
  }
  fit.input_sha256 = keys.text("fit.input_sha256");
  fit.rows = keys.integer("fit.rows", 1);
  fit.level = keys.above_zero("fit.level");
  if (!(fit.level < 1)) keys.refuse("fit.level", "takes a number below 1");
  law.fit = fit;
}

void read_bootstrap(LawKeys& keys, ScalingLaw& law, const ReadSamples& read_samples) {
  if (!keys.has_section("samples")) return;
  if (!law.loss_law) keys.refuse("samples.file", "needs a [loss]: samples are re-fits of it");
  const std::string file = keys.text("samples.file"), expected = keys.text("samples.sha256");
  if (file.empty() || file.find('/') != std::string::npos) keys.refuse("samples.file", "takes the name of a file in the law file's folder");
  const std::string where = keys.where("samples.file"), text = read_samples(file, where);
  if (const std::string found = sha256_hex(text); found != expected)
    throw Error(fmt::format("{} has the SHA-256 {}, the law file names {}", file, found, expected), keys.where("samples.sha256"),
                "the two files belong to different fits, or one was edited: fit again, or put back the samples of this law");
  law.samples = read_samples_csv(text, file);
}

}  // namespace

std::string law_toml(const ScalingLaw& law, const std::string& samples_file) {
  std::string text = head_toml(law) + forms_toml(law);
  if (const auto& fit = law.fit) {
    ERGON_CHECK(fit->seed <= INT64_MAX, "seed {}", fit->seed);
    text += "\n[fit]\n";
    if (fit->huber_delta) text += line("huber_delta", *fit->huber_delta) + fmt::format("seed = {}\n", fit->seed);
    text += line("input_sha256", fit->input_sha256) + fmt::format("rows = {}\n", fit->rows) + line("level", fit->level);
  }
  if (!law.samples.empty()) text += "\n[samples]\n" + line("file", samples_file) + line("sha256", sha256_hex(samples_csv(law.samples)));
  return text;
}

ScalingLaw parse_law(const std::string& text, const std::string& name, const std::string& source, const ReadSamples& read_samples) {
  LawKeys keys(text, source);
  ScalingLaw law;
  law.name = name;
  read_head(keys, law);
  read_forms(keys, law);
  read_fit(keys, law);
  read_bootstrap(keys, law, read_samples);
  keys.refuse_unknown();
  if (!law.loss_law && !law.joint_law && !law.allocation && !law.frontier_loss && law.hyperparameters.empty())
    throw Error("gives no law: there is no [loss], [joint_loss], [frontier], [allocation] or [hyperparameters]", source,
                "accounting/FORMAT.md lists the sections of a law file");
  return law;
}

}  // namespace ergon
