// The reward of examples/json-reply.yaml: the share of three facts that a reply has right as JSON, less for what follows.

export default ({ answer }, { fields: { text } }) => {
  const end = answer.indexOf('}') + 1;
  try {
    const { name, age, city } = JSON.parse(answer.slice(0, end));
    const right = [name, age, city].filter((fact) => text.includes(fact)).length / 3;
    return right / (1 + (answer.length - end) / 20);
  } catch {
    return 0;
  }
};
