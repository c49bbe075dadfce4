/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * world - the small stateful APIs: repositories and issues, mails, events and
 * files, channels and messages, tickets. Lists never hold more than
 * CALL_LIST_MAX things; then they refuse to take another.
 */

#include <jansson.h>

#include "base/err.h"

struct call;

struct world {
	json_t *repos, *issues, *comments;  /* GitHub: by "owner/name" for the last two */
	json_t *contents, *commits, *pulls; /* files by "owner/name/path", pulls by "owner/name" */
	json_t *mails, *events, *files;	    /* Google */
	json_t *channels, *dms, *messages;  /* Slack: messages by channel id */
	json_t *tickets;		    /* Jira, with their comments */
	json_int_t next;		    /* number of the next thing made */
};

/* FAULT_NOMEM */
must_check enum err world_init(struct world *world);
void world_done(struct world *world);

void world_github_user(struct call *call);
void world_github_repos(struct call *call);
void world_github_repo(struct call *call);
void world_github_issues(struct call *call);
void world_github_issue(struct call *call);
void world_github_issue_new(struct call *call);
void world_github_issue_edit(struct call *call);
void world_github_comments(struct call *call);
void world_github_comment_new(struct call *call);
void world_github_file(struct call *call);
void world_github_file_put(struct call *call);
void world_github_repo_del(struct call *call);
void world_github_my_issues(struct call *call);
void world_github_search(struct call *call);
void world_github_commits(struct call *call);
void world_github_notifications(struct call *call);
void world_github_pulls(struct call *call);
void world_github_pull(struct call *call);
void world_github_merge(struct call *call);

void world_google_userinfo(struct call *call);
void world_google_mails(struct call *call);
void world_google_mail(struct call *call);
void world_google_send(struct call *call);
void world_google_events(struct call *call);
void world_google_event_new(struct call *call);
void world_google_event_del(struct call *call);
void world_google_files(struct call *call);
void world_google_file(struct call *call);
void world_google_file_new(struct call *call);

void world_slack_test(struct call *call);
void world_slack_channels(struct call *call);
void world_slack_history(struct call *call);
void world_slack_post(struct call *call);
void world_slack_users(struct call *call);
void world_slack_channel_new(struct call *call);
void world_slack_channel(struct call *call);
void world_slack_archive(struct call *call);
void world_slack_rename(struct call *call);
void world_slack_replies(struct call *call);
void world_slack_react(struct call *call);

void world_jira_me(struct call *call);
void world_jira_sites(struct call *call);
void world_jira_search(struct call *call);
void world_jira_issue(struct call *call);
void world_jira_issue_new(struct call *call);
void world_jira_transitions(struct call *call);
void world_jira_transition(struct call *call);
void world_jira_comments(struct call *call);
void world_jira_comment_new(struct call *call);
void world_jira_projects(struct call *call);
void world_jira_project(struct call *call);

void world_notes_me(struct call *call);
void world_notes_note(struct call *call);
