#include <string>

#include "addon/convert.h"
#include "addon/values.h"
#include "core/error.h"

namespace zest::addon {
namespace {

int role(const Napi::Object& from, const char* key, int parameters) {
  const int index = integer(from, key);
  if (index >= -1 && index < parameters) return index;
  throw Error("ERR_ZEST_INTERNAL", std::string(key) + " names a parameter that does not exist");
}

LinearRoles linear(const Napi::Object& from, const char* key, int parameters) {
  const Napi::Object roles = object(from.Get(key));
  return {role(roles, "weight", parameters), role(roles, "bias", parameters),
          role(roles, "adapterA", parameters), role(roles, "adapterB", parameters)};
}

NormRoles norm(const Napi::Object& from, const char* key, int parameters) {
  const Napi::Object roles = object(from.Get(key));
  return {role(roles, "weight", parameters), role(roles, "bias", parameters)};
}

}  // namespace

Model to_model(const Napi::Value& value) {
  const Napi::Object from = object(value);
  Model model;
  ModelSpec& spec = model.spec;
  spec.hidden = integer(from, "hidden");
  spec.heads = integer(from, "heads");
  spec.intermediate = integer(from, "intermediate");
  spec.vocabulary = integer(from, "vocabulary");
  spec.positions = integer(from, "positions");
  spec.segments = integer(from, "segments");
  spec.position_offset = integer(from, "positionOffset");
  spec.padding_id = integer(from, "paddingId");
  spec.outputs = integer(from, "outputs");
  spec.norm_epsilon = static_cast<float>(number(from, "normEpsilon"));
  spec.adapter_scale = static_cast<float>(number(from, "adapterScale"));
  spec.activation = choice<Activation>(from, "activation");
  spec.head_activation = choice<Activation>(from, "headActivation");
  spec.head = choice<Head>(from, "head");

  const auto parameters = from.Get("parameters").As<Napi::Array>();
  for (uint32_t i = 0; i < parameters.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Object p = object(parameters.Get(i));
    spec.parameters.push_back({text(p, "name"), long_integer(p, "rows"), long_integer(p, "columns"),
                               boolean(p, "matrix"), boolean(p, "trainable"),
                               boolean(p, "decays")});
    model.sources.push_back(
        {text(p, "file"), long_integer(p, "offset"), choice<FileType>(p, "fileType"),
         static_cast<float>(number(p, "initialScale")), to_uint64(p.Get("initialSeed")),
         static_cast<float>(number(p, "initialOffset"))});
  }

  const int count = static_cast<int>(spec.parameters.size());
  ModelRoles& roles = spec.roles;
  roles.word_embeddings = role(from, "wordEmbeddings", count);
  roles.position_embeddings = role(from, "positionEmbeddings", count);
  roles.segment_embeddings = role(from, "segmentEmbeddings", count);
  roles.embedding_norm = norm(from, "embeddingNorm", count);
  const auto layers = from.Get("layers").As<Napi::Array>();
  for (uint32_t i = 0; i < layers.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Object l = object(layers.Get(i));
    roles.layers.push_back({linear(l, "query", count), linear(l, "key", count),
                            linear(l, "value", count), linear(l, "attentionOutput", count),
                            linear(l, "intermediate", count), linear(l, "output", count),
                            norm(l, "attentionNorm", count), norm(l, "outputNorm", count),
                            role(l, "prefixKey", count), role(l, "prefixValue", count)});
  }
  roles.head_dense = linear(from, "headDense", count);
  roles.head_norm = norm(from, "headNorm", count);
  roles.head_output = linear(from, "headOutput", count);
  return model;
}

}  // namespace zest::addon
