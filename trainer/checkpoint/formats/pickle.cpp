// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/formats/pickle.hpp"

#include "configs/error.hpp"

namespace ergon {

namespace {

const char* storage_class(at::ScalarType dtype) {
  switch (dtype) {
    case at::ScalarType::Float:
      return "FloatStorage";
    case at::ScalarType::Double:
      return "DoubleStorage";
    case at::ScalarType::BFloat16:
      return "BFloat16Storage";
    case at::ScalarType::Half:
      return "HalfStorage";
    default:
      ERGON_CHECK(false, "no parameter has dtype {}", c10::toString(dtype));
  }
}

// Opcodes of the pickle protocol 2 (Lib/pickle.py of Python), each a function.
class PickleWriter {
 public:
  PickleWriter() { text_ = "\x80\x02"; }
  void global(const std::string& module, const std::string& name) { text_ += "c" + module + "\n" + name + "\n"; }
  void text(const std::string& value) {
    text_ += "X";
    little_endian(value.size(), 4);
    text_ += value;
  }
  void integer(std::int64_t value) {  // LONG1: 8 bytes, two's complement
    text_ += "\x8a\x08";
    little_endian(static_cast<std::uint64_t>(value), 8);
  }
  void boolean(bool value) { text_ += value ? "\x88" : "\x89"; }
  void mark() { text_ += "("; }
  void tuple() { text_ += "t"; }
  void call() { text_ += "R"; }  // function and tuple of arguments
  void empty_tuple() { text_ += ")"; }
  void persistent() { text_ += "Q"; }  // what the tuple on top names: a storage
  void empty_dict() { text_ += "}"; }
  void set_items() { text_ += "u"; }
  std::string stop() { return text_ + "."; }

  void integers(const Extents& values) {
    mark();
    for (const std::int64_t value : values) integer(value);
    tuple();
  }

 private:
  void little_endian(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) text_ += static_cast<char>(value >> (8 * i) & 0xff);
  }
  std::string text_;
};

Extents contiguous_strides(const Extents& shape) {
  Extents strides(shape.size(), 1);
  for (std::size_t dim = shape.size(); dim-- > 1;) strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)
void write_tensor(PickleWriter& pickle, const LazyTensor& tensor, std::size_t number) {
  pickle.global("torch._utils", "_rebuild_tensor_v2");
  pickle.mark();
  pickle.mark();
  pickle.text("storage");
  pickle.global("torch", storage_class(tensor.dtype));
  pickle.text(std::to_string(number));
  pickle.text("cpu");
  pickle.integer(num_elements(tensor.shape));
  pickle.tuple();
  pickle.persistent();
  pickle.integer(0);
  pickle.integers(tensor.shape);
  pickle.integers(contiguous_strides(tensor.shape));
  pickle.boolean(false);
  pickle.global("collections", "OrderedDict");
  pickle.empty_tuple();
  pickle.call();
  pickle.tuple();
  pickle.call();
}

}  // namespace

std::string state_dict_pickle(const LazyTensors& tensors) {
  PickleWriter pickle;
  pickle.empty_dict();
  pickle.mark();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pickle.text(tensors[i].name);
    write_tensor(pickle, tensors[i], i);
  }
  pickle.set_items();
  return pickle.stop();
}

}  // namespace ergon
