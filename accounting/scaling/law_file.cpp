// SPDX-License-Identifier: Apache-2.0
#include "accounting/scaling/law_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "accounting/embedded_laws.hpp"
#include "accounting/scaling/law_samples.hpp"
#include "accounting/scaling/law_toml.hpp"
#include "configs/did_you_mean.hpp"
#include "configs/error.hpp"
#include "configs/text_file.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

// Refused at the line of the law file that names it.
std::string samples_beside(const fs::path& law_file, const std::string& samples, const std::string& where) {
  try {
    return text_of_file((law_file.parent_path() / samples).string(), "the samples belong beside the law file: copy both, or fit again");
  } catch (const Error& error) {
    throw Error(fmt::format("{} {}", error.where(), error.problem()), where, error.hint());
  }
}

ScalingLaw embedded_law(const embedded::LawFile& file) {
  const auto samples = [&](const std::string&, const std::string&) { return std::string(file.samples); };
  return parse_law(std::string(file.text), std::string(file.name), fmt::format("accounting/laws/{}.toml", file.name), samples);
}

}  // namespace

const std::vector<ScalingLaw>& published_laws() {
  static const std::vector<ScalingLaw> laws = [] {
    std::vector<ScalingLaw> made;
    for (const embedded::LawFile& file : embedded::laws) made.push_back(embedded_law(file));
    std::sort(made.begin(), made.end(), [](const ScalingLaw& a, const ScalingLaw& b) { return a.name < b.name; });
    return made;
  }();
  return laws;
}

ScalingLaw read_law(const std::string& path) {
  const fs::path file(path);
  const std::string text = text_of_file(path, "ergon law list names the laws that Ergon brings; ergon fit writes law files");
  return parse_law(text, file.stem().string(), path,
                   [&](const std::string& samples, const std::string& where) { return samples_beside(file, samples, where); });
}

void write_law(const ScalingLaw& law, const std::string& path, const WriteText& write) {
  const fs::path file(path);
  if (file.extension() != ".toml" || file.stem().empty())
    throw Error(fmt::format("'{}' is no name for a law file", path), path, "a law file ends in .toml: laws/mine.toml");
  const std::string samples = file.stem().string() + ".samples.csv";
  if (!law.samples.empty()) write((file.parent_path() / samples).string(), samples_csv(law.samples));
  write(path, law_toml(law, samples));
}

ScalingLaw find_law(const std::string& name_or_path) {
  std::vector<std::string> names;
  for (const ScalingLaw& law : published_laws()) {
    if (law.name == name_or_path) return law;
    names.push_back(law.name);
  }
  if (name_or_path.ends_with(".toml") || name_or_path.find('/') != std::string::npos) return read_law(name_or_path);
  const std::string meant = did_you_mean(name_or_path, names),
                    list = fmt::format("laws: {}; or the path of a law file", fmt::join(names, ", "));
  throw Error(fmt::format("there is no law '{}'", name_or_path), "", meant.empty() ? list : meant + " " + list);
}

}  // namespace ergon
