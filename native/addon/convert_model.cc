// A model's description: every field that core/transformer/visit.h names, by its type.
#include <string>

#include "addon/convert.h"
#include "addon/values.h"
#include "core/error.h"
#include "core/transformer/visit.h"

namespace zest::addon {
namespace {

// Fields of an object that are values.
struct Values {
  Napi::Object from;

  void operator()(const char* key, int32_t& value) const { value = integer(from, key); }
  void operator()(const char* key, int64_t& value) const { value = long_integer(from, key); }
  void operator()(const char* key, uint64_t& value) const { value = to_uint64(from.Get(key)); }
  void operator()(const char* key, float& value) const {
    value = static_cast<float>(number(from, key));
  }
  void operator()(const char* key, bool& value) const { value = boolean(from, key); }
  void operator()(const char* key, std::string& value) const { value = text(from, key); }
  void operator()(const char* key, std::vector<float>& values) const {
    values = copy<float>(from.Get(key));
  }
  template <class Enum>
  void operator()(const char* key, Enum& value) const {
    value = choice<Enum>(from, key);
  }
};

// Fields of an object that are indexes of parameters, and objects of them.
struct Roles {
  Napi::Object from;
  int parameters;

  void operator()(const char* key, int& role) const {
    role = integer(from, key);
    if (role >= -1 && role < parameters) return;
    throw Error("ERR_ZEST_INTERNAL", std::string(key) + " names a parameter that does not exist");
  }
  void operator()(const char* key, std::vector<LayerRoles>& layers) const {
    const auto list = from.Get(key).As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const Napi::HandleScope scope(from.Env());
      visit_fields(layers.emplace_back(), Roles{object(list.Get(i)), parameters});
    }
  }
  void operator()(const char* key, bool& value) const { Values{from}(key, value); }
  void operator()(const char* key, OutputSlice& slice) const {
    visit_fields(slice, Values{object(from.Get(key))});
  }
  template <class Part>
  void operator()(const char* key, Part& part) const {
    visit_fields(part, Roles{object(from.Get(key)), parameters});
  }
};

}  // namespace

Model to_model(const Napi::Value& value) {
  const Napi::Object from = object(value);
  Model model;
  visit_fields(model.spec, Values{from});
  const auto parameters = from.Get("parameters").As<Napi::Array>();
  for (uint32_t i = 0; i < parameters.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    const Values fields{object(parameters.Get(i))};
    visit_fields(model.spec.parameters.emplace_back(), fields);
    visit_fields(model.sources.emplace_back(), fields);
  }
  visit_fields(model.spec.roles, Roles{from, static_cast<int>(model.spec.parameters.size())});
  return model;
}

}  // namespace zest::addon
