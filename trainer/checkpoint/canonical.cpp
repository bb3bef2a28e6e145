// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/canonical.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/new_folder.hpp"
#include "trainer/checkpoint/shard_file.hpp"

namespace ergon {

namespace {

// One line a tensor, in order of the names: what the content hash is taken of.
class ContentLines {
 public:
  void add(const LazyTensor& tensor, const at::Tensor& value) {
    Sha256 digest;
    digest.add({static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes()});
    lines_[tensor.name] =
        fmt::format("{} {} {} {}\n", tensor.name, stored_dtype_name(tensor.dtype), extents_text(tensor.shape), digest.hex());
  }
  std::string hash() const {
    std::string text = "ergon checkpoint 1\n";
    for (const auto& [name, line] : lines_) text += line;
    return sha256_hex(text);
  }

 private:
  std::map<std::string, std::string> lines_;
};

std::vector<ShardPiece> pieces_of(const LazyTensors& tensors, ContentLines& lines) {
  std::vector<ShardPiece> pieces;
  for (const LazyTensor& tensor : tensors) {
    ERGON_CHECK(num_elements(tensor.shape) > 0, "{} has no elements", tensor.name);
    pieces.push_back({tensor.name, tensor.dtype, tensor.shape, whole_piece(whole(tensor.shape)), [&tensor, &lines] {
                        at::Tensor value = value_of(tensor);
                        lines.add(tensor, value);
                        return value;
                      }});
  }
  return pieces;
}

LazyTensors sorted(LazyTensors tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const LazyTensor& a, const LazyTensor& b) { return a.name < b.name; });
  return tensors;
}

Manifest write_files(Storage& storage, const std::string& folder, const CanonicalContents& contents, std::string& content_hash) {
  const LazyTensors tensors = sorted(contents.tensors);
  ContentLines lines;
  ShardTable table;
  if (!tensors.empty()) table = write_shard(storage, folder, shard_name(0), pieces_of(tensors, lines));
  content_hash = lines.hash();
  Json provenance = Json::parse(contents.provenance);
  provenance["content_sha256"] = content_hash;
  Manifest manifest{contents.id, contents.parent, contents.run_uuid, contents.health, {}};
  if (table.file) manifest.files.push_back(*table.file);
  manifest.files.push_back(write_checked(storage, folder, index_name, to_text(merge({table}))));
  manifest.files.push_back(write_checked(storage, folder, state_name, contents.state));
  manifest.files.push_back(write_checked(storage, folder, provenance_name, provenance.dump(1) + "\n"));
  write_checked(storage, folder, manifest_name, to_text(manifest));
  return manifest;
}

}  // namespace

CanonicalResult write_canonical(Storage& storage, const std::string& folder, const CanonicalContents& contents) {
  CanonicalResult result;
  write_new_folder(storage, folder, [&](const std::string& temporary) {
    const Manifest manifest = write_files(storage, temporary, contents, result.content_hash);
    for (const StoredFile& file : manifest.files) result.bytes += Bytes{file.bytes};
  });
  return result;
}

CanonicalResult resave_canonical(Storage& storage, const CheckpointReader& checkpoint, const std::string& folder) {
  const Manifest& manifest = checkpoint.manifest();
  return write_canonical(storage, folder,
                         {manifest.id, manifest.parent, manifest.run_uuid, manifest.health, checkpoint.state_text(),
                          checkpoint.provenance(), checkpoint.tensors()});
}

}  // namespace ergon
