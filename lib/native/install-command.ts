import { existsSync } from 'node:fs';

/** The folder that node-zest is installed in. */
const around = new URL('../../../', import.meta.url);

const holds = (name: string): boolean => existsSync(new URL(name, around));

/** The package manager that runs this process, or else the one that installed node-zest. */
const packageManager = (): string => {
  const [name] = process.env.npm_config_user_agent?.split('/') ?? [];
  if (name) return name;
  if (import.meta.url.includes('/.pnpm/')) return 'pnpm';
  return process.versions.pnp || holds('.yarn-integrity') || holds('.yarn-state.yml') ? 'yarn' : 'npm';
};

/** The command that adds an optional dependency to the user's project. */
export const installCommand = (specifier: string): string => {
  const name = packageManager();
  if (name === 'pnpm') return `pnpm add --save-optional ${specifier}`;
  if (name === 'yarn') return `yarn add --optional ${specifier}`;
  return `npm install --no-save ${specifier}`;
};
