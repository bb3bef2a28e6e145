// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/catalogue.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "trainer/checkpoint/corrupt.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/crc32c.hpp"
#include "trainer/storage_link.hpp"

namespace ergon {

namespace {

template <typename Integer>
bool take_number(std::string_view& text, std::size_t least_digits, Integer& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || digits < least_digits || value < 0) return false;
  text.remove_prefix(digits);
  return true;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (text.substr(0, expected.size()) != expected) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<CatalogueEntry> parse_name(const std::string& name) {
  CatalogueEntry entry;
  entry.name = name;
  std::string_view rest = name;
  if (!take_text(rest, "step_") || !take_number(rest, 8, entry.id.step) || !take_text(rest, ".a") ||
      !take_number(rest, 4, entry.id.attempt))
    return {};
  if (!rest.empty() && rest.front() != '.') return {};
  entry.suffix = rest;
  return entry;
}

void read_manifest(Storage& storage, const std::string& folder, CatalogueEntry& entry) {
  try {
    Manifest manifest = check_manifest(storage, folder + "/" + entry.name);
    if (manifest.id.step != entry.id.step || manifest.id.attempt != entry.id.attempt) {
      throw Corrupt(fmt::format("the manifest is that of step {}, attempt {}", manifest.id.step, manifest.id.attempt), entry.name);
    }
    entry.id = manifest.id;
    entry.manifest = std::move(manifest);
  } catch (const Corrupt& error) {
    entry.problem = error.problem();
  }
}

// A link or a folder under the name of a file speaks against the checkpoint, unlike a disk that does not answer.
Storage::File open_ordinary(Storage& storage, const std::string& folder, const std::string& name) {
  if (!is_ordinary(folder + "/" + name)) throw Corrupt(fmt::format("{} is not an ordinary file", name), folder);
  return storage.open_read_inside(folder, name);
}

std::string read_limited(Storage& storage, const std::string& folder, const std::string& name) {
  const Storage::File file = open_ordinary(storage, folder, name);
  check_json_size(storage.size(file), file.path());
  return storage.read_text(file);
}

}  // namespace

std::string checkpoints_folder(const std::string& run_folder) { return run_folder + "/checkpoints"; }
std::string checkpoint_name(std::int64_t step, int attempt) { return fmt::format("step_{:08}.a{:04}", step, attempt); }

std::vector<const CatalogueEntry*> Catalogue::candidates() const {
  std::vector<const CatalogueEntry*> found;
  for (const CatalogueEntry& entry : entries) {
    if (entry.suffix.empty() && lineage.contains(entry.id)) found.push_back(&entry);
  }
  return found;
}

Catalogue read_catalogue(Storage& storage, const std::string& run_folder) {
  Catalogue catalogue;
  catalogue.lineage = read_lineage(storage, run_folder);
  const std::string folder = checkpoints_folder(run_folder);
  if (!storage.exists(folder)) return catalogue;
  for (const std::string& name : storage.list(folder)) {
    std::optional<CatalogueEntry> entry = parse_name(name);
    if (!entry) continue;
    if (entry->suffix.empty()) read_manifest(storage, folder, *entry);
    const auto& manifest = entry->manifest;
    if (manifest && manifest->parent && manifest->parent->attempt < entry->id.attempt) {
      // The same as a resume record, should that have been lost.
      catalogue.lineage.records.push_back(
          {LineageRecord::Event::resume, entry->id.attempt, manifest->parent->step, manifest->parent->uuid});
    }
    catalogue.entries.push_back(std::move(*entry));
  }
  std::stable_sort(catalogue.entries.begin(), catalogue.entries.end(), [](const CatalogueEntry& a, const CatalogueEntry& b) {
    return std::tuple(a.id.attempt, a.id.step) > std::tuple(b.id.attempt, b.id.step);
  });
  return catalogue;
}

Manifest check_manifest(Storage& storage, const std::string& folder) {
  const std::string path = folder + "/" + manifest_name;
  if (!storage.has_inside(folder, manifest_name)) throw Corrupt("there is no manifest", path);
  Manifest manifest = parse_manifest(read_limited(storage, folder, manifest_name), path);
  for (const StoredFile& file : manifest.files) {
    if (!storage.has_inside(folder, file.name)) throw Corrupt(fmt::format("the file {} is missing", file.name), folder);
    const std::int64_t size = storage.size(open_ordinary(storage, folder, file.name));
    if (size != file.bytes) throw Corrupt(fmt::format("the file {} has {} bytes, {} were written", file.name, size, file.bytes), folder);
  }
  for (const char* name : {index_name, state_name, provenance_name}) read_checked(storage, folder, name, manifest);
  return manifest;
}

std::string read_checked(Storage& storage, const std::string& folder, const std::string& name, const Manifest& manifest) {
  const StoredFile* file = manifest.find(name);
  if (!file) throw Corrupt(fmt::format("the manifest does not have {}", name), folder);
  if (!storage.has_inside(folder, name)) throw Corrupt(fmt::format("the file {} is missing", name), folder);
  std::string text = read_limited(storage, folder, name);
  if (crc32c(text) != file->crc) throw Corrupt(fmt::format("the checksum of {} does not match", name), folder);
  return text;
}

std::string quarantine(Storage& storage, const std::string& run_folder, const std::string& name) {
  const std::string folder = checkpoints_folder(run_folder);
  std::string target = name + ".corrupt";
  for (int n = 2; storage.exists(folder + "/" + target); ++n) target = fmt::format("{}.corrupt{}", name, n);
  storage.rename(folder + "/" + name, folder + "/" + target);
  storage.sync_directory(folder);
  return target;
}

}  // namespace ergon
