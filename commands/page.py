"""`serve`, and who may use the page and its API: `users`, `tokens`."""

from __future__ import annotations

import json
import sys

import click

from commands.shared import account, settings_of


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen")
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535))
@click.pass_context
def serve(ctx: click.Context, host: str, port: int) -> None:
    """Serve the page until interrupted; put a TLS proxy in front before it leaves this machine."""
    from dashboard.serving import serve_page

    serve_page(settings_of(ctx), host, port, click.echo)


@click.group()
def users() -> None:
    """People who may use the page, and their roles."""


@users.command("add")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="pembaca, analis, pengulas, komando, admin")
@click.option("--kecamatan", multiple=True, help="Code of a kecamatan they are limited to (may be repeated)")
@click.option("--one-time", is_flag=True, help="Print a password that is changed at the first sign-in")
@click.option("--by", "who", default="", help="Who answers for it [default: the account of this machine]")
@click.pass_context
def users_add(
    ctx: click.Context, name: str, roles: tuple[str, ...], kecamatan: tuple[str, ...], one_time: bool, who: str
) -> None:
    """Make a user; the password is asked for, or read from standard input."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    if unknown := sorted(set(roles) - set(subject.Role)):
        raise click.UsageError(f"no role {', '.join(unknown)}; there are {', '.join(subject.Role)}")
    password = subject.one_time_password() if one_time else _new_password()
    with Store(settings_of(ctx).database) as store:
        chosen = [subject.Role(role) for role in roles]
        user = subject.add(store, name, chosen, password, who or account(), utc_now(), kecamatan, one_time)
    click.echo(f"{user.name}: {', '.join(sorted(user.roles))}")
    if one_time:
        click.echo(f"one-time password: {password}")


@users.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def users_list(ctx: click.Context, as_json: bool) -> None:
    """List users, roles and open sessions."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database, read_only=True) as store:
        rows = subject.listed(store, utc_now())
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        state = "disabled" if row["disabled_at"] else f"{row['sessions']} open sessions"
        click.echo(f"{row['name']:20} {', '.join(row['roles']):30} {', '.join(row['kecamatan']) or 'all':20} {state}")


@users.command("password")
@click.argument("name")
@click.option("--one-time", is_flag=True, help="Print a password that is changed at the first sign-in")
@click.pass_context
def users_password(ctx: click.Context, name: str, one_time: bool) -> None:
    """Set a new password and end the user's sessions."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    password = subject.one_time_password() if one_time else _new_password()
    with Store(settings_of(ctx).database) as store:
        subject.set_password(store, name, password, account(), utc_now(), one_time)
    click.echo(f"one-time password: {password}" if one_time else f"{name}: password set")


@users.command("disable")
@click.argument("name")
@click.option("--enable", is_flag=True, help="Let them in again")
@click.pass_context
def users_disable(ctx: click.Context, name: str, enable: bool) -> None:
    """Bar a user and end their sessions."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        subject.disable(store, name, account(), utc_now(), enable)
    click.echo(f"{name}: {'enabled' if enable else 'disabled'}")


@users.command("sign-out")
@click.argument("name")
@click.pass_context
def users_sign_out(ctx: click.Context, name: str) -> None:
    """End all sessions of a user."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        click.echo(f"{subject.revoke(store, name, account(), utc_now())} sessions ended")


def _new_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@click.group()
def tokens() -> None:
    """Tokens of the JSON API under /api/v1/."""


@tokens.command("add")
@click.argument("label")
@click.option("--scope", "scopes", multiple=True, required=True, help="tables, alerts, sources, evidence")
@click.option("--days", type=int, default=90, show_default=True, help="Until it expires, 365 at most")
@click.option("--by", "who", required=True, help="Who answers for it")
@click.pass_context
def tokens_add(ctx: click.Context, label: str, scopes: tuple[str, ...], days: int, who: str) -> None:
    """Make a token for the programme LABEL; its text is shown once."""
    from pipelines import tokens as subject
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        token, text = subject.add(store, label, scopes, who, utc_now(), days)
    click.echo(f"{token.token_id} for {token.label}, until {token.expires_at:%Y-%m-%d}; kept nowhere, note it now:")
    click.echo(text)


@tokens.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def tokens_list(ctx: click.Context, as_json: bool) -> None:
    """List every token, newest first."""
    from pipelines import tokens as subject
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database, read_only=True) as store:
        rows = subject.listed(store, utc_now())
    if as_json:
        click.echo(json.dumps(rows))
    for row in [] if as_json else rows:
        scopes = ",".join(row["scopes"])
        click.echo(f"{row['token_id']}  {row['state']:8} until {row['expires_at'][:10]}  {scopes:24} {row['label']}")


@tokens.command("revoke")
@click.argument("token_id", metavar="ID")
@click.option("--by", "who", required=True, help="Who revokes it")
@click.pass_context
def tokens_revoke(ctx: click.Context, token_id: str, who: str) -> None:
    """Revoke a token at once."""
    from pipelines import tokens as subject
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        subject.revoke(store, token_id, who, utc_now())
    click.echo(f"{token_id} is revoked")
