// The enums that are known outside of C++, by the names that stand beside each (core/name.h).
#pragma once

#include <string>
#include <string_view>

#include "core/direction.h"
#include "core/error.h"
#include "core/estimators.h"
#include "core/name.h"
#include "core/transformer/spec.h"

namespace zest {

// Calls visit(Names<Enum>{}) for each enum that has names.
template <class Visit>
void for_each_enum(Visit visit) {
  visit(Names<Law>{});
  visit(Names<Rule>{});
  visit(Names<RuleState>{});
  visit(Names<Estimator>{});
  visit(Names<Sides>{});
  visit(Names<Normalize>{});
  visit(Names<TiltRule>{});
  visit(Names<StorageType>{});
  visit(Names<FileType>{});
  visit(Names<Activation>{});
  visit(Names<Norm>{});
  visit(Names<Loss>{});
}

template <class Enum>
const char* name_of(Enum value) {
  for (const Name<Enum>& entry : Names<Enum>::table) {
    if (entry.value == value) return entry.name;
  }
  throw Error("ERR_ZEST_INTERNAL", std::string(Names<Enum>::kind) + " has a value without a name");
}

// Throws ERR_ZEST_OPTION, which lists the names, for one that is none of them.
template <class Enum>
Enum named(std::string_view name) {
  std::string known;
  for (const Name<Enum>& entry : Names<Enum>::table) {
    if (entry.name == name) return entry.value;
    known += known.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw Error("ERR_ZEST_OPTION", std::string(Names<Enum>::kind) + " is '" + std::string(name) +
                                     "'; expected " + known);
}

}  // namespace zest
