// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

Field<LaunchSection, std::string> text_field(std::string LaunchSection::*member) { return field(&RunConfig::launch, member); }
Field<LaunchSection, std::vector<std::string>> list_field(std::vector<std::string> LaunchSection::*member) {
  return field(&RunConfig::launch, member);
}

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-+:@%/").find(c) != std::string_view::npos;
}

// What the scheduler knows by name: a blank, a quote or a `$` in one can only be a mistake, or somebody's trick.
void require_name(const Value& value, const std::string& text, std::string_view more, const char* expected) {
  const bool fits = std::ranges::all_of(text, [&](char c) { return is_word_character(c) || more.find(c) != std::string_view::npos; });
  if (!fits || text.starts_with('-')) refuse_value(value, expected);
}

Key name_key(const std::string& name, const std::string& help, std::string LaunchSection::*member, std::string_view more = ",",
             const char* expected = "a name of letters, digits and ._-+:@%/,") {
  auto at = text_field(member);
  auto set = [=](RunConfig& config, const Value& value) {
    const std::string text = read_text(value);
    require_name(value, text, more, expected);
    at(config) = text;
  };
  return make_key({name, "", OnResume::free, help}, "text", "", set, [at](const RunConfig& config) { return print_texts({at(config)}); });
}

using CheckWord = void (*)(const Value& value, const std::string& word);

Key words_key(const std::string& name, const std::string& help, std::vector<std::string> LaunchSection::*member, CheckWord check) {
  auto at = list_field(member);
  auto set = [=](RunConfig& config, const Value& value) {
    const std::vector<std::string> words = read_paths(value);  // without control characters: a newline would begin a line of the script
    for (const std::string& word : words) check(value, word);
    at(config) = words;
  };
  return make_key({name, "", OnResume::free, help}, "list of texts", "", set,
                  [at](const RunConfig& config) { return at(config).size() == 1 ? print_texts(at(config)) : print_list(at(config)); });
}

void check_assignment(const Value& value, const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::string_view name = std::string_view(word).substr(0, equals);
  const auto fits = [](char c) { return is_word_character(c) && std::string_view(".-+:@%/").find(c) == std::string_view::npos; };
  if (equals == std::string::npos || name.empty() || !std::ranges::all_of(name, fits) || (name[0] >= '0' && name[0] <= '9'))
    refuse_value(value, "texts like \"NCCL_DEBUG=INFO\"", "write NAME=VALUE, NAME of letters, digits and _");
}

void check_module(const Value& value, const std::string& word) {
  if (word.empty()) refuse_value(value, "names of modules");
  require_name(value, word, "", "names of modules, without blanks");
}

void check_option(const Value& value, const std::string& word) {
  if (!word.starts_with("--") || word.size() < 3)
    refuse_value(value, "options like \"--exclusive\" or \"--mem=0\"", "one word an option, with its =");
}

void check_mesh(const Value& value, const std::string& word) {
  if (word.empty()) refuse_value(value, "meshes like \"dp=2 tp=2\"");
}

Key path_key(const std::string& name, const std::string& help, std::string LaunchSection::*member) {
  auto at = text_field(member);
  return make_key(
      {name, "", OnResume::free, help}, "text", "", [at](RunConfig& config, const Value& value) { at(config) = read_path(value); },
      [at](const RunConfig& config) { return print_texts({at(config)}); });
}

}  // namespace

std::vector<Key> keys_launch() {
  auto launch = [](auto member) { return field(&RunConfig::launch, member); };
  using S = LaunchSection;
  using enum OnResume;
  return {
      choice({"launch.with", "", free, "what starts the ranks: local (mpirun on this machine), mpirun (over hosts), slurm (a batch job)"},
             launch(&S::with)),
      choice({"launch.ranks_by", "", free, "of a job of Slurm, what starts its ranks: srun (with PMIx), or mpirun where srun has no PMIx"},
             launch(&S::ranks_by)),
      integer({"launch.nodes", "nodes", free, "what the job asks the cluster for"}, launch(&S::nodes), 1, 1 << 20),
      integer({"launch.min_nodes", "nodes", free, "elastic: begin with so many where launch.nodes are not to be had; 0: launch.nodes"},
              launch(&S::min_nodes), 0, 1 << 20),
      integer({"launch.gpus_per_node", "devices", free, "what the job asks the cluster for"}, launch(&S::gpus_per_node), 0, 1 << 10),
      integer({"launch.ranks_per_node", "ranks", free, "0: one a GPU; without GPUs, what the mesh needs of each node"},
              launch(&S::ranks_per_node), 0, 1 << 16),
      words_key("launch.meshes", "elastic: meshes for fewer ranks, best first, each as \"dp=2 tp=2\"; empty: dp shrinks", &S::meshes,
                check_mesh),
      choice({"launch.bind", "", free,
              "what a rank is bound to; auto: its share of the processors, nothing where that is one or its launcher has bound it"},
             launch(&S::bind)),
      name_key("launch.interface", "network of Open MPI and NCCL alike: eth0, ib0,ib1 or 10.1.0.0/16; empty: theirs to choose",
               &S::interface),
      path_key("launch.hosts", "a hostfile, a line a host: node0 slots=8; empty: this machine", &S::hosts),
      words_key("launch.environment", "NAME=VALUE for every rank", &S::environment, check_assignment),
      words_key("launch.modules", "`module load` of each, before anything else of the job", &S::modules, check_module),
      name_key("launch.partition", "of the job", &S::partition),
      name_key("launch.account", "that the job is charged to", &S::account),
      name_key("launch.qos", "of the job", &S::qos),
      name_key("launch.constraint", "features that the nodes must have", &S::constraint, ",&|*()[]",
               "features, joined by & or |, without blanks"),
      words_key("launch.options", "further options of sbatch, as \"--exclusive\" or \"--mem=0\"", &S::options, check_option),
      seconds({"launch.time", "", free, "time limit of the job, at least twice launch.warning; 0: its partition's"}, launch(&S::time),
              not_negative),
      seconds({"launch.warning", "", free, "USR1 so long before the end of the time; longer than a save and two steps take"},
              launch(&S::warning)),
      choice({"launch.comeback", "", free,
              "how a job that saved goes on: requeue, chain (another job, where requeue is forbidden), array (its next task), never"},
             launch(&S::comeback)),
      integer({"launch.starts", "starts", free, "of a job, the first included; then it stays down"}, launch(&S::starts), 1, 1 << 20),
      integer({"launch.stalled", "starts", free, "in a row that came no step further, and the job stays down; 0: no limit"},
              launch(&S::stalled), 0, 1 << 20),
  };
}

}  // namespace ergon
