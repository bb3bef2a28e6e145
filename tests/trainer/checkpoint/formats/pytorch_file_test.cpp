// SPDX-License-Identifier: Apache-2.0
// The archive, by Python's standard library: what its parts are, and that the pickle makes the tensors when torch's functions stand in.
#include "trainer/checkpoint/formats/pytorch_file.hpp"

#include <ATen/ops/arange.h>

#include <cstdio>
#include <cstdlib>

#include "configs/error.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using ergon::test::TemporaryFolder;

namespace {

constexpr const char* script = R"(
import pickle, struct, sys, zipfile, collections
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
root = archive.namelist()[0].split('/')[0]
assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return lambda storage, offset, size, stride, grad, hooks: (storage, offset, size, stride, grad, len(hooks))
        if (module, name) == ('collections', 'OrderedDict'): return collections.OrderedDict
        assert module == 'torch', (module, name)
        return name
    def persistent_load(self, what):
        tag, kind, key, device, count = what
        assert (tag, device) == ('storage', 'cpu')
        data = archive.read(f'{root}/data/{key}')
        letter = {'FloatStorage': 'f', 'DoubleStorage': 'd'}[kind]
        return list(struct.unpack(f'<{count}{letter}', data))
state = Reader(archive.open(f'{root}/data.pkl')).load()
assert state['a'] == ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 0, (2, 3), (3, 1), False, 0), state['a']
assert state['b'] == ([10.0, 11.0], 0, (2,), (1,), False, 0), state['b']
assert archive.read(f'{root}/byteorder') == b'little'
)";

LazyTensor counting(const std::string& name, Extents shape, at::ScalarType dtype, int start) {
  return {name, dtype, shape, [=] { return at::arange(start, start + num_elements(shape), dtype).view(shape); }};
}

}  // namespace

TEST_CASE("pt: an archive that Python reads") {
  const TemporaryFolder folder;
  Storage storage;
  const std::string path = folder / "x.bin";
  const Bytes written = write_pytorch(storage, path, {counting("a", {2, 3}, at::kFloat, 0), counting("b", {2}, at::kDouble, 10)});
  CHECK(written.value == storage.size(path));
  storage.write_text(folder / "read.py", script);
  const char* python = std::getenv("ERGON_PYTHON");
  CHECK(std::system(fmt::format("{} {} {}", python != nullptr ? python : "python3", folder / "read.py", path).c_str()) == 0);
}

TEST_CASE("pt: a disk that fails ends the export with its error, and nothing is overwritten") {
  struct Full : Storage {
    void pwrite(const File&, std::span<const std::byte>, std::int64_t) override {
      throw Error("planted: no space", "x", "", ExitCode::data);
    }
  };
  const TemporaryFolder folder;
  Full full;
  CHECK_THROWS_WITH(write_pytorch(full, folder / "x.bin", {counting("a", {2}, at::kFloat, 0)}), Catch::Contains("planted: no space"));
  Storage storage;
  CHECK_THROWS_AS(write_pytorch(storage, folder / "x.bin", {counting("a", {2}, at::kFloat, 0)}), Error);
}
