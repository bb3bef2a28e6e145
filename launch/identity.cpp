// SPDX-License-Identifier: Apache-2.0
#include "launch/identity.hpp"

#include <ATen/Version.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "configs/sha256.hpp"

namespace ergon {
namespace {

// The linker's build id lies in a note of the first object, which is the executable.
int find_build_id(dl_phdr_info* info, std::size_t, void* result) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
    const char* end = at + segment.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof(note));
      const char* name = at + sizeof(note);
      const auto* id = reinterpret_cast<const unsigned char*>(name + ((note.n_namesz + 3) & ~3u));
      if (note.n_type == NT_GNU_BUILD_ID && std::strcmp(name, "GNU") == 0) {
        auto& text = *static_cast<std::string*>(result);
        for (unsigned k = 0; k < note.n_descsz; ++k) text += fmt::format("{:02x}", id[k]);
        return 1;
      }
      at = reinterpret_cast<const char*>(id) + ((note.n_descsz + 3) & ~3u);
    }
  }
  return 1;
}

}  // namespace

std::string binary_identity() {
  std::string id;
  dl_iterate_phdr(find_build_id, &id);
  return id.empty() ? "unknown" : id;
}

std::string binary_file_hash() {
  std::ifstream file("/proc/self/exe", std::ios::binary);  // what was started, though its name may mean another file by now
  if (!file) return "";
  Sha256 hash;
  std::vector<char> part(1 << 20);
  while (file.read(part.data(), static_cast<std::streamsize>(part.size())), file.gcount() > 0)
    hash.add(std::string_view(part.data(), static_cast<std::size_t>(file.gcount())));
  return file.bad() ? "" : hash.hex();
}

std::string cpu_identity() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string model = "unknown";
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  return model + ", " + at::get_cpu_capability();
}

}  // namespace ergon
