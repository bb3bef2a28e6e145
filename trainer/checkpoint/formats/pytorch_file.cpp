// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/pytorch_file.hpp"

#include <caffe2/serialize/inline_container.h>

#include <exception>
#include <optional>
#include <span>

#include "configs/error.hpp"
#include "trainer/checkpoint/formats/pickle.hpp"

namespace ergon {

namespace {

// Where LibTorch's archive goes. What fails is kept until the archive is closed: its code is no place to throw through.
class Sink {
 public:
  Sink(Storage& storage, const std::string& path) : storage_(storage), file_(storage.create(path)) {}

  std::size_t write(const void* data, std::size_t bytes) {
    if (failure_) return bytes;
    try {
      storage_.pwrite(file_, {static_cast<const std::byte*>(data), bytes}, size_);
      size_ += static_cast<std::int64_t>(bytes);
    } catch (const Error& error) {
      failure_ = error;
    }
    return bytes;
  }
  Bytes finish() {
    if (failure_) throw Error(*failure_);
    storage_.sync(file_);
    return {size_};
  }
  void stop_at_failure() const {
    if (failure_) throw Error(*failure_);
  }

 private:
  Storage& storage_;
  Storage::File file_;
  std::int64_t size_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

Bytes write_pytorch(Storage& storage, const std::string& path, const LazyTensors& tensors) {
  Sink sink(storage, path);
  {
    caffe2::serialize::PyTorchStreamWriter archive([&sink](const void* data, std::size_t bytes) { return sink.write(data, bytes); });
    const std::string pickle = state_dict_pickle(tensors);
    archive.writeRecord("data.pkl", pickle.data(), pickle.size());
    archive.writeRecord("byteorder", "little", 6);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const at::Tensor value = value_of(tensors[i]);
      archive.writeRecord("data/" + std::to_string(i), value.const_data_ptr(), value.nbytes());
      sink.stop_at_failure();
    }
    archive.writeEndOfFile();
  }
  return sink.finish();
}

}  // namespace ergon
